#include "protocol/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The first n of four letters as 24 bits; false: one is none. */
static bool take_word(const char *text, size_t n, uint32_t *ret)
{
	uint32_t word = 0;
	for (size_t i = 0; i < 4; i++) {
		const char *at = i >= n ? letters : text[i] ? strchr(letters, text[i]) : NULL;
		if (!at)
			return false;
		word = word << 6 | (uint32_t)(at - letters);
	}
	*ret = word;
	return true;
}

int base64_decode(const char *text, size_t n, struct buf *ret, struct err *e)
{
	size_t pad = 0;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	if (n % 4 != 0)
		return err_set(e, EINVAL, "not base64: its length");
	if (buf_reserve(ret, n / 4 * 3, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i += 4) {
		size_t holes = i + 4 == n ? pad : 0;
		uint32_t word;
		if (!take_word(text + i, 4 - holes, &word))
			return err_set(e, EINVAL, "not base64: within bytes %zu to %zu", i, i + 4);
		char bytes[3] = { (char)(word >> 16), (char)(word >> 8), (char)word };
		if (buf_add(ret, bytes, 3 - holes, e) < 0)
			return -1;
	}
	return 0;
}
