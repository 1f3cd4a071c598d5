# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# Completion of sbx-run for bash. The options and keys are asked of the program itself, so that there is no second list.
# shellcheck shell=bash disable=SC2207

# "--option" of each key that has one, and the program's own
_sbx_run_options() {
	local key option rest
	while read -r key option rest; do
		[[ $option == --* ]] && printf '%s\n' "$option"
	done < <("$1" --list-keys 2>/dev/null)
	printf -- '--%s\n' profile option report progress dry-run sweep list-keys doctor verbose version help
}

# "KEY=" of each key
_sbx_run_keys() {
	local key rest
	while read -r key rest; do
		[[ -n $key && $key != \[* ]] && printf '%s=\n' "$key"
	done < <("$1" --list-keys 2>/dev/null)
}

# Does this option take a value? What it is called then.
_sbx_run_arg() {
	local key option arg rest
	case $2 in
	-o | --option) echo KEY ;;
	--profile | --report) echo FILE ;;
	--*)
		while read -r key option arg rest; do
			[[ $option == "$2" && $arg != - ]] && echo "$arg"
		done < <("$1" --list-keys 2>/dev/null)
		;;
	esac
}

_sbx_run() {
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i arg

	# from the command on it is the command's own business
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			((i++))
			break
			;;
		-*)
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i += 2)) && continue
			[[ -n $(_sbx_run_arg "$program" "${COMP_WORDS[i]}") ]] && ((i++))
			;;
		*) break ;;
		esac
	done
	if ((i < COMP_CWORD)) || [[ ${COMP_WORDS[i - 1]} == -- ]]; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$i"
		elif ((i == COMP_CWORD)); then
			COMPREPLY=($(compgen -c -- "$word"))
		else
			COMPREPLY=($(compgen -f -- "$word"))
		fi
		return
	fi

	[[ $word == = ]] && word=
	[[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
	arg=$(_sbx_run_arg "$program" "$previous")
	case $arg in
	'')
		if [[ $word == -* ]]; then
			COMPREPLY=($(compgen -W "$(_sbx_run_options "$program")" -- "$word"))
		else
			COMPREPLY=($(compgen -c -- "$word"))
		fi
		;;
	KEY)
		COMPREPLY=($(compgen -W "$(_sbx_run_keys "$program")" -- "$word"))
		compopt -o nospace 2>/dev/null
		;;
	*'|'*)
		COMPREPLY=($(compgen -W "${arg//|/ }" -- "$word"))
		[[ $arg == *DIR || $arg == *PATH ]] && COMPREPLY+=($(compgen -f -- "$word"))
		;;
	FILE | DIR | SRC* | DST* | PARENT)
		compopt -o filenames 2>/dev/null
		COMPREPLY=($(compgen -f -- "$word"))
		;;
	esac
}

complete -F _sbx_run sbx-run
