#include "executor/authorization.h"

#include <stdint.h>

enum { PAIR_MAX = 32 << 10 };

static int base64(struct buf *b, const char *s, size_t n, struct err *e)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)s[i] << 16;
		v |= i + 1 < n ? (uint32_t)(unsigned char)s[i + 1] << 8 : 0;
		v |= i + 2 < n ? (uint32_t)(unsigned char)s[i + 2] : 0;
		char out[4] = { digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63],
				digits[v & 63] };
		out[2] = i + 1 < n ? out[2] : '=';
		out[3] = i + 2 < n ? out[3] : '=';
		if (buf_add(b, out, sizeof out, e) < 0)
			return -1;
	}
	return 0;
}

int authorization_basic(struct buf *out, const char *user, const char *token, struct err *e)
{
	struct buf pair = BUF(PAIR_MAX);
	int r = buf_printf(&pair, e, "%s:%s", user, token);
	if (r == 0)
		r = buf_str(out, "Authorization: Basic ", e);
	if (r == 0)
		r = base64(out, pair.p, pair.len, e);
	buf_wipe(&pair);
	return r;
}
