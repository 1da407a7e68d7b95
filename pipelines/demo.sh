#!/usr/bin/env bash
# The sample captures become a data set.
#
# in        data/sample/captures: 4 pairs as DNG and JPEG, one of them of two different scenes, a photo
#           without a partner, a text file
# out       demo/: shards/, contact_sheet.png, captures.parquet
# hardware  2 cores, no GPU; about 12 seconds
# expect    3 of 4 pairs in the shards (2 train, 1 test); the mismatched pair rejected
set -euo pipefail
cd "$(dirname "$0")/.."

ebb run data/sample/captures --dataset demo --provider sidecar --test 1 --val 0
ebb verify --dataset demo
