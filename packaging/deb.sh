#!/usr/bin/env bash
# Build a Debian package of this checkout: packaging/deb.sh [DIRECTORY]; prints its path. `make deb` calls it.
# Boxship and its Python libraries, as requirements.lock has them, go to /usr/lib/boxship/python, for Debian 12 lacks
# some of them. They are compiled for this machine's /usr/bin/python3: build where you mean to install, or on its like.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-dist}
bin=$PWD/.venv/bin
python=/usr/bin/python3
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
root=$build/root
site=$root/usr/lib/boxship/python
umask 022
mkdir -p "$site" "$root/usr/bin" "$root/DEBIAN" "$output"

# what only building a checkout needs stays out
skip='editables|hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers|libarchive-c'
awk -v skip="^($skip)==" '/^[a-zA-Z0-9]/ { keep = ($0 !~ skip) } keep' requirements.lock >"$build/wanted.txt"
"$bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps --require-hashes \
    --only-binary :all: --python-version "$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
    --target "$site" -r "$build/wanted.txt"
"$bin/python" -m pip wheel -qq --disable-pip-version-check --no-deps --no-build-isolation -w "$build" .
"$bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps --upgrade --target "$site" "$build"/boxship-*.whl
rm -rf "$site/bin" "$site"/*/tests
find "$site" -name '*.pyx' -delete -o -name '*.c' -delete
# sources are never written again, so nobody need compare their times
$python -m compileall -q --invalidation-mode unchecked-hash -s "$root" "$site"

install -m 755 packaging/launcher "$root/usr/bin/boxship"
sed "s|/usr/lib/boxship/python|$site|" packaging/launcher >"$build/boxship"
chmod 755 "$build/boxship"
packaging/payload.sh "$build/boxship" "$root" env "PYTHONPATH=$site" $python -SP
install -D -m 644 README.md "$root/usr/share/doc/boxship/README.md"
install -m 755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN"
printf '/etc/boxship/daemon.json\n' >"$root/DEBIAN/conffiles"

version=$("$build/boxship" --version | sed 's/.* //')
minor=$($python -c 'import sys; print(sys.version_info[1])')
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
    -e "s/@PYTHON@/3.$minor/" -e "s/@NEXT@/3.$((minor + 1))/" \
    -e "s/@SIZE@/$(du -sk "$root/usr" | cut -f1)/" packaging/debian/control >"$root/DEBIAN/control"
target=$output/boxship_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$target" >/dev/null
echo "$target"
