/* Values that people write. What is accepted is within its promise; JSON text is valid UTF-8 without
 * control bytes. */
#include "base/str.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TEXT_MAX = 1 << 16 };

static void duration(const char *s)
{
	static const uint64_t ten_years_ms = 315576000000;
	uint64_t ms, again;
	char text[32];
	if (!str_duration(s, 1000, &ms))
		return;
	if (ms > ten_years_ms)
		abort();
	str_duration_text(ms, text, sizeof text);
	if (!str_duration(text, 1, &again) || again != ms)
		abort();
}

static void json(const char *s, size_t n)
{
	struct err e = { 0 };
	autobuf b = BUF(8 * TEXT_MAX);
	if (str_json(&b, s, n, &e) < 0 || !str_is_printable(b.p, b.len))
		abort();
	for (size_t i = 0; i < b.len;) {
		size_t len = utf8_len(b.p + i, b.len - i);
		if (len == 0)
			abort();
		i += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = { "concurrent", "check_interval", "limit" };
	struct err e = { 0 };
	autobuf text = BUF(TEXT_MAX);
	uint64_t v = 0;
	bool on;
	if (n > TEXT_MAX || buf_add(&text, data, n, &e) < 0)
		return 0;
	duration(text.p);
	json(text.p, text.len);
	if (str_u64(text.p, 4711, &v) && v > 4711)
		abort();
	if (str_size(text.p, 1, &v) && str_bool(text.p, &on) && v > 1)
		abort();
	const char *near = str_nearest(text.p, names, 3);
	if (near && near != names[0] && near != names[1] && near != names[2])
		abort();
	return 0;
}
