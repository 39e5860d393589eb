#!/bin/sh
# Holds every include of src/ and ui/ against the order of the folders, says
# which file may know which library, and refuses rings among headers.
# Prints what is wrong and fails; silent when all is well.
cd "$(dirname "$0")/.." || exit 2
found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

# A folder may include itself and these.
order='
base
par       base
tensor    base par
layer     base par tensor
net       base par tensor layer
data      base par tensor
io        base par tensor layer net data
train     base par tensor layer net data
compress  base par tensor layer net data train
engine    base par tensor layer net data io train compress
ui        base engine
'
# A library's header, and the files that may include it.
fences='
hdf5\.h                 src/io/
jansson\.h              src/io/
zlib\.h                 src/(io|compress)/
(cblas|lapacke)\.h      src/tensor/
n?cursesw?(\.h|/)       ui/term\.c
term\.h                 ui/term\.c
readline/               ui/prompt\.c
(pthread|semaphore)\.h  src/(base|par|engine)/|ui/(signals|term|main)\.c
'
sources=$(find src ui -name '*.[ch]' -o -name '*.def' | sort)

# shellcheck disable=SC2086
grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' $sources |
    sed -E 's|^([^:]*):[^"]*"(.*)"$|\1 \2|' |
    while read -r file header; do
        case $file in ui/*) own=ui ;; *) own=${file#src/} own=${own%%/*} ;; esac
        case $header in
        */*) floor=${header%%/*} ;;
        *) echo "$file: write \"folder/$header\"" && continue ;;
        esac
        test "$floor" = "$own" && continue
        echo "$order" | grep -qE "^$own .*\\b$floor\\b" ||
            echo "$file: $own/ may not include $header"
    done >>"$found"

echo "$fences" | while read -r library place; do
    test -n "$library" || continue
    # shellcheck disable=SC2086
    grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<($library)" $sources |
        grep -vE "^($place)" |
        sed "s#\$#: may not include <$(echo "$library" | tr -d '\\')>#"
done >>"$found"

# A table that goes round would allow anything; so would headers that do.
echo "$order" | while read -r own floors; do
    for floor in $floors; do echo "$own $floor"; done
done | tsort >/dev/null 2>>"$found"
for header in $(echo "$sources" | grep '\.h$'); do
    sed -n "s|^#include \"\(.*\.h\)\"|${header#src/} \1|p" "$header"
done | tsort >/dev/null 2>>"$found"

cat "$found" >&2
test ! -s "$found"
