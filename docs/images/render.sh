#!/usr/bin/env bash
# Draw the README's pictures from the night that `make demo` made: make demo && docs/images/render.sh
# Needs chromium, libreoffice-calc and poppler-utils. Everything in them is made up.
set -euo pipefail
cd "$(dirname "$0")/../.."
date=${1:-2026-11-18}
data=var/demo/data
out=docs/images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Chromium refuses to sandbox itself as root.
sandbox=()
[ "$(id -u)" -ne 0 ] || sandbox=(--no-sandbox)
shoot() { # page, width, height, picture
    chromium --headless "${sandbox[@]}" --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
        --user-data-dir="$work/chromium" --window-size="$2,$3" --screenshot="$4" "file://$(realpath "$1")" 2>/dev/null
}

# The first letter, by its key, that reports a late payment and carries a Pix code.
letter=$(grep -l "X-Cobranca-Template: first_notice" "$data/outbox/$date"/*.eml | sed 's/eml$/html/' | xargs grep -l "data:image/png" | sed -n 1p)
shoot "$letter" 620 1000 "$out/letter.png"

queue=$(ls "$data/queues/$date"/*/fila_ana_*.xlsx)
# Amounts are shown in the form of the office's locale.
mkdir -p "$work/office/user"
cat >"$work/office/user/registrymodifications.xcu" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N"><prop
 oor:name="ooSetupSystemLocale" oor:op="fuse"><value>pt-BR</value></prop></item></oor:items>
XML
soffice --headless "-env:UserInstallation=file://$work/office" --convert-to pdf --outdir "$work" "$queue" >/dev/null 2>&1
pdftoppm -png -r 110 -f 1 -l 1 -x 30 -y 40 -W 1222 -H 312 -singlefile "$work/$(basename "$queue" .xlsx).pdf" "$work/queue"
mv "$work/queue.png" "$out/queue.png"

shoot "$data/reports/$date/financeiro.html" 1000 900 "$out/report.png"
ls -l "$out"/*.png
