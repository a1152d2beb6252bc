#include "executor/words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

static bool in_word(char c, char quote)
{
	return c && (quote || !strchr(blanks, c));
}

/* Whether a quote begins or ends with c. */
static bool turns(char c, char quote)
{
	return quote ? c == quote : c == '"' || c == '\'';
}

/* The next word. NULL: there is none, or e is set. */
static char *next_word(const char **s, struct arena *a, struct err *e)
{
	const char *p = *s + strspn(*s, blanks);
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
		err_set(e, EINVAL, "a quote is not closed");
		return NULL;
	}
	return word;
}

int words_split(const char *text, struct arena *a, struct words *w, struct err *e)
{
	struct err why = { 0 };
	w->n = 0;
	for (char *word; (word = next_word(&text, a, &why));) {
		if (w->n == w->max)
			return err_set(e, E2BIG, "more than %zu words", w->max);
		w->list[w->n++] = word;
	}
	if (why.code) {
		*e = why;
		return -1;
	}
	w->list[w->n] = NULL;
	return 0;
}
