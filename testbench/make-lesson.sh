#!/bin/sh
# Makes the synthetic lesson of testbench/testdata anew. Only needed when the lesson itself is to change: the made files are kept.
set -eu
cd "$(dirname "$0")/.."
for tool in ffmpeg espeak-ng; do
	command -v "$tool" >/dev/null || { echo "missing $tool: apt-get install ffmpeg espeak-ng fonts-noto-cjk" >&2; exit 2; }
done
if command -v fc-list >/dev/null && ! fc-list | grep -q 'Noto Sans CJK SC'; then
	echo "missing Noto Sans CJK SC: apt-get install fonts-noto-cjk" >&2
	exit 2
fi
mkdir -p testbench/testdata
exec go run ./testbench/lesson/make -out testbench/testdata
