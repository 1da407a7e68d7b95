#!/usr/bin/env bash
# Makes a data set of the sample captures, trains a narrow network on it, scores it, and exports it for phones;
# renders the wide photos with a simulated lens.
#
# in        data/sample/captures: 4 pairs as DNG and JPEG, one of them of two different scenes, a photo
#           without a partner, a text file
# out       demo/: shards/, report.html, contact_sheet.png, captures.parquet; run/: weights, report.html;
#           benchmark/index.html; bokeh.tflite and its card; bokeh.png: a photo with simulated and with true bokeh
# hardware  2 cores, no GPU; about two minutes: 12 seconds for the data set, 40 for training
# expect    3 of 4 pairs in the shards (2 train, 1 test); the mismatched pair rejected; all seven levels
#           trained; a TFLite file of 1.7 MB within 60 dB of PyTorch whose operations the GPU delegate supports;
#           pictures of the simulated lens at least 4 dB above the untouched photos. The network, after 40 seconds
#           of training on two pairs, is below them: it shows that training works, not what PyNET can do
#
#     bash pipelines/demo.sh          # or: DEMO=data bash pipelines/demo.sh, the data set alone, no PyTorch
set -euo pipefail
cd "$(dirname "$0")/.."

# --- data set
ebb run data/sample/captures --dataset demo --provider sidecar --test 1 --val 0
ebb verify --dataset demo
if [ "${DEMO:-all}" = data ]; then
  python pipelines/lens.py demo demo/bokeh.png
  exit
fi

# --- training
ebb-train fit demo --out demo/run --schedule pipelines/demo.toml --width 0.125 --ema 0.9 \
  --weight-init identity --validate-on train --loaders 0

# --- numbers
ebb-train benchmark demo --models identity,layered,demo/run/level-1.safetensors --out demo/benchmark --repeats 1

# --- export
ebb-train export-tflite demo/run/level-1.safetensors demo/bokeh.tflite --size 512x768 --calibration demo --clip

# --- bokeh
python pipelines/lens.py demo demo/bokeh.png

echo "look at: demo/bokeh.png, demo/report.html, demo/run/report.html, demo/benchmark/index.html and demo/bokeh.md"
