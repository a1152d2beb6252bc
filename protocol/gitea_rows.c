#include "protocol/gitea_rows.h"

#include "base/clock.h"
#include "base/str.h"
#include "protocol/gitea_wire.h"

#include <string.h>

/* "2026-11-24T17:05:55.139307Z 01O " and then the text. */
enum { STAMP = CLOCK_TEXT - 1, HEADER = STAMP + 5 };

/* d a digit, h a hex digit, k the stream, c whether a line goes on; the others stand for themselves. */
static const char header[HEADER + 1] = "dddd-dd-ddTdd:dd:dd.ddddddZ hhkc";

static const char *const classes['z'] = {
	['d'] = "0123456789",
	['h'] = "0123456789abcdef",
	['k'] = "OE",
	['c'] = " +",
};

static bool has_header(const char *p, size_t n)
{
	if (n < HEADER)
		return false;
	for (size_t i = 0; i < HEADER; i++) {
		const char *class = classes[(unsigned char)header[i]];
		if (class ? !p[i] || !strchr(class, p[i]) : p[i] != header[i])
			return false;
	}
	return true;
}

size_t gitea_row(const char *p, size_t n, bool last)
{
	size_t most = n < GITEA_ROW_MAX ? n : GITEA_ROW_MAX;
	const char *nl = memchr(p, '\n', most);
	if (nl)
		return (size_t)(nl - p) + 1;
	return n >= GITEA_ROW_MAX ? GITEA_ROW_MAX : last ? n : 0;
}

int gitea_rows_add(struct gitea_rows *r, const char *p, size_t n, uint64_t now_us, struct err *e)
{
	char stamp[CLOCK_TEXT];
	while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	if (has_header(p, n)) {
		memcpy(stamp, p, STAMP);
		stamp[STAMP] = '\0';
		p += HEADER;
		n -= HEADER;
	} else {
		clock_text(now_us, stamp);
	}
	if (buf_printf(&r->json, e, "%s{\"time\":\"", r->n ? "," : "") < 0 ||
	    buf_add(&r->json, stamp, STAMP, e) < 0 || buf_str(&r->json, "\",\"content\":", e) < 0 ||
	    str_json(&r->json, p, n, e) < 0)
		return -1;
	r->n++;
	return buf_char(&r->json, '}', e);
}
