#!/bin/sh
# Runs test programs and lessons and ends with what failed.  Called by make:
#   BUILD=folder SAN=sanitizers tests/run.sh NAME... LESSON.esp...
limit=900 # seconds for one program; far more than any needs
failed=
count=0

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# Some kernels spread addresses further than the thread sanitizer can map.
fixed=
if test "$SAN" = thread && setarch -R true 2>/dev/null; then
    fixed='setarch -R'
fi

for what; do
    case $what in
    *.esp)
        label="lesson $what"
        folder=$(mktemp -d) || exit 2
        $fixed timeout $limit "$BUILD/espalier" run "$what" \
            --session "$folder/session" </dev/null
        code=$?
        rm -rf "$folder" ;;
    *)
        label="test_$what"
        $fixed timeout $limit "$BUILD/$label" </dev/null
        code=$? ;;
    esac
    count=$((count + 1))
    test $code -eq 0 && continue
    echo "*** $label failed with status $code"
    failed="$failed $label"
done

echo
if test -n "$failed" || test $count -eq 0; then
    echo "FAILED:${failed:- no test has that name}"
    exit 1
fi
echo "All $count test programs passed."
