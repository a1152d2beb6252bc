/* A place in a text, shown to whoever wrote it. */
#include "executor/expr.h"

#include "base/utf8.h"

#include <string.h>

enum { CARET_BEFORE = 60, CARET_AFTER = 40 };

/* The beginning of the character that ends at `at`, not before `from`. */
static size_t back(const char *text, size_t from, size_t at)
{
	do
		at--;
	while (at > from && ((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

static size_t forth(const char *text, size_t at, size_t end)
{
	size_t len = utf8_len(text + at, end - at);
	return at + (len ? len : 1);
}

static int show(struct buf *out, const char *text, size_t at, size_t end, struct err *e)
{
	for (size_t next; at < end; at = next) {
		unsigned char c = (unsigned char)text[at];
		next = forth(text, at, end);
		bool odd = c < 0x20 || c == 0x7f || (next == at + 1 && c >= 0x80);
		int r = c == '\t' ? buf_char(out, ' ', e)
			: odd     ? buf_char(out, '?', e)
				  : buf_add(out, text + at, next - at, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* What is shown of a text: its line, and the part of it around the place. */
struct window {
	size_t begin, end; /* of the line */
	size_t from, to;   /* of what is shown */
	int before;        /* characters from there to the place */
};

static struct window window_of(const char *text, size_t n, size_t at)
{
	struct window w = { .begin = at, .end = at };
	int after = 0;
	while (w.begin > 0 && text[w.begin - 1] != '\n')
		w.begin--;
	while (w.end < n && text[w.end] != '\n')
		w.end++;
	w.from = w.to = at;
	for (; w.from > w.begin && w.before < CARET_BEFORE; w.before++)
		w.from = back(text, w.begin, w.from);
	for (; w.to < w.end && after < CARET_AFTER; after++)
		w.to = forth(text, w.to, w.end);
	return w;
}

int expr_caret(struct buf *out, const char *text, size_t n, size_t at, struct err *e)
{
	struct window w = window_of(text, n, at > n ? n : at);
	const char *cut = w.from > w.begin ? "..." : "";
	if (buf_str(out, cut, e) < 0 || show(out, text, w.from, w.to, e) < 0)
		return -1;
	return buf_printf(out, e, "%s\n%*s^\n", w.to < w.end ? "..." : "",
			  w.before + (int)strlen(cut), "");
}
