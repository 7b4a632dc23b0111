#!/bin/bash -eu
# ClusterFuzzLite builds as OSS-Fuzz does.
exec "$SRC/tensorvet/fuzz/oss-fuzz/build.sh"
