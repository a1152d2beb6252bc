#include "executor/shell_row.h"

#include "base/str.h"
#include "executor/words.h"

#include <errno.h>
#include <string.h>

#define PYTHON "command -v python >/dev/null 2>&1 && exec python \"$0\"; exec python3 \"$0\""

static const struct shell_row rows[] = {
	{ "", { "bash", "-e", "{0}" }, "bash -e {0}", "", "", "" },
	{ "bash",
	  { "bash", "--noprofile", "--norc", "-eo", "pipefail", "{0}" },
	  "bash --noprofile --norc -eo pipefail {0}",
	  "",
	  "",
	  "" },
	{ "sh", { "sh", "-e", "{0}" }, "sh -e {0}", "", "", "" },
	{ "python", { "sh", "-c", PYTHON, "{0}" }, "python {0}", ".py", "", "" },
	{ "pwsh",
	  { "pwsh", "-command", ". '{0}'" },
	  "pwsh -command \". '{0}'\"",
	  ".ps1",
	  "$ErrorActionPreference = 'stop'\n",
	  "\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }\n" },
};

static int take_template(const char *text, struct arena *a, struct shell_row *ret, struct err *e)
{
	struct words words = { .list = ret->argv, .max = SHELL_ARGS };
	*ret = (struct shell_row){ .suffix = "", .before = "", .after = "" };
	ret->name = ret->shown = arena_strdup(a, text, e);
	if (!ret->shown)
		return -1;
	return words_split(text, a, &words, e) < 0 ? err_wrap(e, "shell") : 0;
}

int shell_find(const char *name, bool image, struct arena *a, struct shell_row *ret, struct err *e)
{
	if (!*name && image)
		name = "sh";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0) {
			*ret = rows[i];
			return 0;
		}
	if (strstr(name, "{0}") && !str_starts(name, "{0}"))
		return take_template(name, a, ret, e);
	return err_set(e, EINVAL,
		       "shell: \"%.80s\" is neither bash, sh, python, pwsh nor a command with {0} "
		       "in it",
		       name);
}
