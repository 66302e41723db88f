#!/bin/sh
# Brings what the tests need beside .venv: curl, git, ssh, axios, typescript, and a browser of a fixed version in .browser.
# System packages are installed where they are missing, as root or through sudo. Safe to repeat.
set -eu
cd "$(dirname "$0")/.."
. scripts/certificates.sh

missing=""
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v ssh >/dev/null 2>&1 || missing="$missing openssh-client"
if [ -n "$missing" ]; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root="sudo --non-interactive"
    # shellcheck disable=SC2086 # several words each
    if ! command -v apt-get >/dev/null 2>&1 ||
        ! $as_root apt-get update --quiet --quiet ||
        ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends $missing >/dev/null; then
        echo "The tests use$missing, which cannot be installed from here." >&2
        # Without ssh, those of repositories behind it are skipped; without the others, nothing goes.
        command -v curl >/dev/null 2>&1 && command -v git >/dev/null 2>&1 || exit 1
    fi
fi

stamp=.browser/.headrace-setup
want=$(cat package-lock.json scripts/unpack_browser.mjs scripts/setup_tests.sh | cksum)$PWD
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi
echo "Setting up a browser and axios for the tests ..."
rm -rf .browser
PATH="$PWD/.venv/bin:$PATH" .venv/bin/npm ci --silent --ignore-scripts
if [ "$(uname -m)" != x86_64 ]; then
    # The package holds a program for this processor alone: elsewhere the tests take one from PATH.
    command -v chromium >/dev/null 2>&1 && exit 0
    echo "The tests open pages in a browser: install chromium." >&2
    exit 1
fi
.venv/bin/node scripts/unpack_browser.mjs node_modules/@sparticuz/chromium .browser
chmod +x .browser/chromium
for archive in .browser/*.tar; do
    tar -x -f "$archive" -C .browser
    rm "$archive"
done
# Without a font for each of these families the browser ends itself.
cat >.browser/fonts.conf <<EOF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$PWD/.browser/fonts</dir>
  <dir>$PWD/node_modules/dejavu-fonts-ttf/ttf</dir>
  <cachedir>$PWD/.browser/fonts-cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family><family>DejaVu Sans</family></prefer></alias>
  <alias><family>serif</family><prefer><family>DejaVu Serif</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
EOF
printf '%s' "$want" >"$stamp"
