#include "executor/shell_row.h"

#include "base/str.h"

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

static bool in_word(char c, char quote)
{
	return c && (quote || (c != ' ' && c != '\t'));
}

/* Whether a quote begins or ends with c. */
static bool turns(char c, char quote)
{
	return quote ? c == quote : c == '"' || c == '\'';
}

/* The next word of a template: quotes of both kinds, a backslash outside of single ones. NULL: there is
 * none, or e is set. */
static char *next_word(const char **s, struct arena *a, struct err *e)
{
	const char *p = *s + strspn(*s, " \t");
	char *word = *p ? arena_alloc(a, strlen(p) + 1, e) : NULL, *to = word;
	char quote = '\0';
	for (; word && in_word(*p, quote); p++) {
		if (*p == '\\' && quote != '\'' && p[1])
			*to++ = *++p;
		else if (turns(*p, quote))
			quote = quote ? '\0' : *p;
		else
			*to++ = *p;
	}
	*s = p;
	if (quote) {
		err_set(e, EINVAL, "shell: a quote is not closed");
		return NULL;
	}
	return word;
}

static int take_template(const char *text, struct arena *a, struct shell_row *ret, struct err *e)
{
	size_t n = 0;
	*ret = (struct shell_row){ .suffix = "", .before = "", .after = "" };
	ret->name = ret->shown = arena_strdup(a, text, e);
	for (char *word; ret->shown && (word = next_word(&text, a, e));) {
		if (n == SHELL_ARGS)
			return err_set(e, E2BIG, "shell: more than %d words", SHELL_ARGS);
		ret->argv[n++] = word;
	}
	return e->code || !ret->shown ? -1 : 0;
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
