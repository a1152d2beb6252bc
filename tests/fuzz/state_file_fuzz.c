/* Files that a step wrote. Pairs keep their promise, and written as heredocs they read back as the
 * same; an error names a line or a limit. */
#include "base/buf.h"
#include "executor/state_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TEXT_MAX = 1 << 20, MEMORY = 8 << 20 };

static void check_pair(const struct state_pair *p)
{
	if (!*p->name || p->value[p->n] != '\0')
		abort();
}

/* Under a delimiter that is in none of the values. */
static int write_pair(struct buf *out, const struct state_pair *p, struct err *e)
{
	if (strchr(p->name, '=') || strstr(p->name, "<<"))
		abort();
	if (buf_printf(out, e, "%s<<-fuzz-delimiter-\n", p->name) < 0 ||
	    buf_add(out, p->value, p->n, e) < 0)
		return -1;
	return buf_str(out, "\n-fuzz-delimiter-\n", e);
}

/* Whether a heredoc can say it: it takes a '\r' before its last line end for a part of that. */
static bool can_be_heredoc(const struct state_pair *p)
{
	return !memmem(p->value, p->n, "-fuzz-delimiter-", 16) &&
	       (p->n == 0 || p->value[p->n - 1] != '\r') && p->name[strlen(p->name) - 1] != '<';
}

static void compare(const struct state_pair *a, const struct state_pair *b)
{
	if (strcmp(a->name, b->name) != 0 || a->n != b->n || memcmp(a->value, b->value, a->n) != 0)
		abort();
}

static void again(const struct state_pairs *ps)
{
	struct err e = { 0 };
	struct arena a = ARENA(4 * MEMORY);
	struct state_pairs read;
	autobuf text = BUF(4 * TEXT_MAX);
	for (size_t i = 0; i < ps->n; i++)
		if (!can_be_heredoc(&ps->pairs[i]) || write_pair(&text, &ps->pairs[i], &e) < 0)
			return;
	/* A name may begin with what is a byte order mark at the beginning of a file. */
	if (ps->n == 0 || (unsigned char)ps->pairs[0].name[0] >= 0x80)
		return;
	if (state_file_pairs(text.p, text.len, &a, &read, &e) < 0 || read.n != ps->n)
		abort();
	for (size_t i = 0; i < ps->n; i++)
		compare(&read.pairs[i], &ps->pairs[i]);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	struct arena a = ARENA(MEMORY);
	struct state_pairs ps;
	size_t length;
	if (n > TEXT_MAX / 2)
		return 0;
	const char *text = n ? (const char *)data : "";
	if (state_file_pairs(text, n, &a, &ps, &e) == 0) {
		for (size_t i = 0; i < ps.n; i++)
			check_pair(&ps.pairs[i]);
		again(&ps);
	} else if (strncmp(e.msg, "line ", 5) != 0 && !strstr(e.msg, "limit") &&
		   !strstr(e.msg, "more than")) {
		abort();
	}
	if (state_file_paths(text, n, &a, &ps, &e) == 0)
		for (size_t i = 0; i < ps.n; i++)
			check_pair(&ps.pairs[i]);
	const char *summary = state_file_summary(text, n, &a, &length, &e);
	if (summary && summary[length] != '\0')
		abort();
	arena_done(&a);
	return 0;
}
