#!/usr/bin/env bash
# The sample captures become a data set, and a thin network is trained on it.
#
# in        data/sample/captures: 4 pairs as DNG and JPEG, one of them of two different scenes, a photo
#           without a partner, a text file
# out       demo/: shards/, contact_sheet.png, captures.parquet; run/: weights, report.html
# hardware  2 cores, no GPU; about a minute, 12 seconds of it for the data set
# expect    3 of 4 pairs in the shards (2 train, 1 test); the mismatched pair rejected; all seven levels
#           trained, the loss of each below that of its first steps
#
#     bash pipelines/demo.sh          # or: DEMO=data bash pipelines/demo.sh, the data set alone, no PyTorch
set -euo pipefail
cd "$(dirname "$0")/.."

# --- data set
ebb run data/sample/captures --dataset demo --provider sidecar --test 1 --val 0
ebb verify --dataset demo
if [ "${DEMO:-all}" = data ]; then exit; fi

# --- training
ebb-train fit demo --out demo/run --schedule pipelines/demo.toml --width 0.125 --ema 0.9 \
  --validate-on train --loaders 0

echo "look at: demo/contact_sheet.png and demo/run/report.html"
