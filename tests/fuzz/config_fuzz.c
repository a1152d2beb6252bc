/* A configuration: one that is returned keeps the bounds of its table and holds no NULL; a refusal
 * names a place within the text. The first line, if it begins with "#-o ", is an override. */
#include "base/str.h"
#include "runner/config.h"
#include "runner/config_keys.h"
#include "runner/config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void key_check(const struct config_key *k, const void *of)
{
	uint64_t v;
	const char *s;
	const char *const *list;
	size_t count;
	const char *at = (const char *)of + k->to;
	if (k->type == CONFIG_COUNT || k->type == CONFIG_SIZE || k->type == CONFIG_DURATION) {
		memcpy(&v, at, sizeof v);
		check(v >= k->min && v <= k->max);
	} else if (config_value_is_list(k)) {
		memcpy(&list, at, sizeof list);
		memcpy(&count, (const char *)of + k->count, sizeof count);
		check(count <= CONFIG_LIST_MAX);
		for (size_t i = 0; i < count; i++)
			check(str_is_printable(list[i], strlen(list[i])));
	} else if (k->type <= CONFIG_WORD) {
		memcpy(&s, at, sizeof s);
		check(s && (k->type == CONFIG_TEXT || str_is_printable(s, strlen(s))));
	}
}

static void level_check(const struct config_level *level, const void *of)
{
	for (size_t i = 0; i < level->n; i++)
		key_check(&level->keys[i], of);
}

static void promises(const struct config *c)
{
	level_check(&config_file_level, c);
	check(c->nrunners <= CONFIG_RUNNERS_MAX && *c->state_dir && c->cache_dir);
	for (size_t i = 0; i < c->nrunners; i++) {
		level_check(&config_runner_level, &c->runners[i]);
		check(*c->runners[i].url && *c->runners[i].name);
		check(!*c->runners[i].token != !*c->runners[i].token_file);
	}
}

static void refusal(const struct config_errors *errors, const struct err *e, size_t n)
{
	check(*e->msg != '\0');
	for (size_t i = 0; i < errors->n && i < CONFIG_ERRORS_MAX; i++) {
		const char *text = errors->list[i].text;
		check(*text && str_is_printable(text, strlen(text)));
		check(errors->list[i].line <= n + 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(4 << 20);
	struct config_errors errors = { 0 };
	struct err e = { 0 };
	char first[256] = "";
	const char *text = n ? (const char *)data : "";
	size_t line = n ? strnlen(text, n) : 0;
	const char *newline = memchr(text, '\n', line);
	if (newline)
		line = (size_t)(newline - text);
	snprintf(first, sizeof first, "%.*s", (int)(line < sizeof first ? line : 0), text);
	const char *const overrides[] = { str_starts(first, "#-o ") ? first + 4 : NULL, NULL };
	struct config_source source = { "config.yaml", text, n, overrides };
	const struct config *c = config_parse(&source, &a, &errors, &e);
	if (c)
		promises(c);
	else
		refusal(&errors, &e, n);
	check(!c || errors.n == 0);
	arena_done(&a);
	return 0;
}
