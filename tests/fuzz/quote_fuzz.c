/* What str_quote writes, str_unquote reads back; what str_unquote takes, it ends within. */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TEXT_MAX = 1 << 20 };

static void round_trip(const char *s, size_t n)
{
	struct err e = { 0 };
	autobuf quoted = BUF(4 * TEXT_MAX);
	autobuf back = BUF(TEXT_MAX);
	if (str_quote(&quoted, s, n, &e) < 0)
		abort();
	const char *at = buf_cstr(&quoted);
	if (!str_is_printable(at, quoted.len) || !str_unquote(&at, &back))
		abort();
	if (at != quoted.p + quoted.len || back.len != n || (n && memcmp(back.p, s, n) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	autobuf text = BUF(TEXT_MAX);
	autobuf out = BUF(TEXT_MAX);
	if (n > TEXT_MAX || buf_add(&text, data, n, &e) < 0)
		return 0;
	round_trip(text.p, text.len);
	const char *at = text.p;
	if (str_unquote(&at, &out) && (at < text.p || at > text.p + strlen(text.p)))
		abort();
	return 0;
}
