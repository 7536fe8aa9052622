#!/bin/bash
# A job that was asked for through the IRI Facility API. What was asked for is data in one line: texts that end with a
# zero byte, encoded. They are the number of variables, the variables, what runs before and after, the input, the command.
mapfile -d '' -t _iri_asked < <(base64 --decode <<<@ASKED@)
_iri_count=${_iri_asked[0]}
_iri_before=${_iri_asked[_iri_count + 1]}
_iri_after=${_iri_asked[_iri_count + 2]}
_iri_input=${_iri_asked[_iri_count + 3]}
_iri_command=("${_iri_asked[@]:_iri_count + 4}")
if ((_iri_count)); then export -- "${_iri_asked[@]:1:_iri_count}"; fi
if [[ $_iri_before ]]; then eval "$_iri_before"; fi
if [[ $_iri_input ]]; then exec <"$_iri_input" || exit 1; fi
if [[ ! $_iri_after ]]; then exec -- "${_iri_command[@]}"; fi
(exec -- "${_iri_command[@]}")
_iri_status=$?
eval "$_iri_after"
exit "$_iri_status"
