// Two pictures of equal size with one zoom and one position.

const MAX_SCALE = 8; // device pixels per pixel of the picture
const KEY_STEP = 60;

export class Viewer {
  constructor(left, right, onChange) {
    this.views = [left, right];
    this.onChange = onChange;
    this.images = [];
    this.zoomed = false;
    this.pointers = new Map();
    this.reset();
    for (const view of this.views) this.listen(view);
    new ResizeObserver(() => this.place()).observe(left);
  }

  // Shows two decoded images; each view holds both, so that they can be swapped without loading.
  show(images) {
    this.images = images;
    this.zoomed = false;
    this.copies = this.views.map((view, index) => {
      const own = images[index];
      const other = images[1 - index].cloneNode();
      other.setAttribute("aria-hidden", "true");
      view.replaceChildren(own, other);
      return [own, other];
    });
    this.swap(false);
    this.reset();
    this.place();
  }

  clear() {
    this.images = [];
    for (const view of this.views) view.replaceChildren();
  }

  // Shows the other picture in both places.
  swap(isSwapped) {
    this.isSwapped = isSwapped;
    for (const [own, other] of this.copies || []) {
      own.classList.toggle("shown", !isSwapped);
      other.classList.toggle("shown", isSwapped);
    }
  }

  reset() {
    this.factor = 1; // relative to the whole picture
    this.centre = [0.5, 0.5]; // place of the picture in the middle of the view
  }

  get fit() {
    const image = this.images[0];
    const box = this.views[0].getBoundingClientRect();
    return image ? Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight) : 1;
  }

  get scale() {
    return this.fit * this.factor;
  }

  get oneToOne() {
    return 1 / window.devicePixelRatio / this.fit;
  }

  place() {
    const image = this.images[0];
    if (!image) return;
    const box = this.views[0].getBoundingClientRect();
    const sizes = [image.naturalWidth * this.scale, image.naturalHeight * this.scale];
    const offsets = [box.width, box.height].map((room, axis) => {
      if (sizes[axis] <= room) {
        this.centre[axis] = 0.5;
      } else {
        const margin = room / 2 / sizes[axis];
        this.centre[axis] = Math.min(1 - margin, Math.max(margin, this.centre[axis]));
      }
      return room / 2 - this.centre[axis] * sizes[axis];
    });
    for (const each of (this.copies || []).flat()) {
      each.style.transform = `translate(${offsets[0]}px, ${offsets[1]}px) scale(${this.scale})`;
    }
    const perPixel = this.scale * window.devicePixelRatio;
    for (const view of this.views) view.classList.toggle("pixels", perPixel >= 3);
    this.onChange(this.factor === 1 ? "fit" : `${Math.round(perPixel * 100)} %`, this.factor !== 1);
  }

  // Zooms by a factor; the place of the picture under (x, y) of a view stays there.
  zoom(by, x, y) {
    const image = this.images[0];
    if (!image) return;
    const largest = Math.max(1, (MAX_SCALE / window.devicePixelRatio) / this.fit);
    const factor = Math.min(largest, Math.max(1, this.factor * by));
    const box = this.views[0].getBoundingClientRect();
    const away = [(x ?? box.width / 2) - box.width / 2, (y ?? box.height / 2) - box.height / 2];
    const sizes = [image.naturalWidth, image.naturalHeight];
    for (const axis of [0, 1]) {
      this.centre[axis] += away[axis] / sizes[axis] * (1 / this.scale - 1 / (this.fit * factor));
    }
    this.zoomed = this.zoomed || factor !== this.factor;
    this.factor = factor;
    this.place();
  }

  toggleFit() {
    this.zoom(this.factor === 1 ? Math.max(this.oneToOne, 1.5) : 0);
  }

  move(dx, dy) {
    const image = this.images[0];
    if (!image) return;
    this.centre[0] -= dx / (image.naturalWidth * this.scale);
    this.centre[1] -= dy / (image.naturalHeight * this.scale);
    this.place();
  }

  moveByKey(key) {
    const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    if (steps) this.move(steps[0] * KEY_STEP, steps[1] * KEY_STEP);
    return Boolean(steps);
  }

  listen(view) {
    view.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = this.inside(view, event);
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x, y);
    }, { passive: false });
    view.addEventListener("dblclick", () => this.toggleFit());
    view.addEventListener("pointerdown", (event) => {
      view.setPointerCapture(event.pointerId);
      view.classList.add("moving");
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    view.addEventListener("pointermove", (event) => this.drag(view, event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      view.addEventListener(name, (event) => {
        this.pointers.delete(event.pointerId);
        view.classList.remove("moving");
      });
    }
  }

  // One finger or the mouse moves, two fingers zoom.
  drag(view, event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    this.pointers.set(event.pointerId, now);
    if (this.pointers.size === 1) {
      this.move(now[0] - before[0], now[1] - before[1]);
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const distance = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
      const [x, y] = this.inside(view, { clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 });
      this.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      if (distance(before) > 0) this.zoom(distance(now) / distance(before), x, y);
    }
  }

  inside(view, event) {
    const box = view.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
