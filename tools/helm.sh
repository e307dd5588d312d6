#!/usr/bin/env bash
# Prints the path of the helm that the chart is tested with; compiles it from its Go module the first time.
#
#   tools/helm.sh            build it if it is not there, print its path
#   tools/helm.sh --cached   print its path, or fail if it is not there
#
# Kept outside the checkout, by version: ${FERRYMAN_CACHE:-~/.cache/ferryman}/bin/helm-<version>.
set -euo pipefail

version=v3.22.0
kubernetes=1.36 # What `helm template` takes the cluster for; a release of helm has it stamped in.

cache=${FERRYMAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ferryman}/bin
binary=$cache/helm-$version

if [[ ! -x $binary ]]; then
  if [[ ${1:-} == --cached ]]; then
    echo "there is no $binary; tools/helm.sh builds it (needs Go)" >&2
    exit 1
  fi
  command -v go >/dev/null || { echo "helm is compiled from its Go module: install Go first" >&2; exit 1; }
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/.helm.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  module=helm.sh/helm/v3
  flags="-s -w -X $module/internal/version.version=$version"
  for package in pkg/chartutil pkg/lint/rules; do
    flags+=" -X $module/$package.k8sVersionMajor=${kubernetes%.*} -X $module/$package.k8sVersionMinor=${kubernetes#*.}"
  done
  compile() {
    GOBIN=$scratch GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
      nice -n 19 go install -trimpath -ldflags "$flags" "$module/cmd/helm@$version" >&2
  }
  # Again where a download failed; what was downloaded and compiled before is in Go's own caches.
  compile || { sleep 10; compile; } || { sleep 60; compile; }
  mv "$scratch/helm" "$binary"
fi
echo "$binary"
