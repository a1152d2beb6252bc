#include "runner/keeper_settings.h"

#include "base/buf.h"
#include "base/str.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { VALUE_MAX = 64 << 10 };

struct row {
	const char *key;
	size_t offset;
};

#define TEXT(name)                                            \
	{                                                     \
#name, offsetof(struct keeper_settings, name) \
	}

static const struct row rows[] = {
	TEXT(ca_file),  TEXT(cert_file), TEXT(key_file), TEXT(proxy),
	TEXT(no_proxy), TEXT(allowed),   TEXT(job),
};

static const char **text_at(struct keeper_settings *s, const struct row *r)
{
	return (const char **)(void *)((char *)s + r->offset);
}

static bool is_key(const char *key, const char *line)
{
	size_t n = strlen(key);
	return strncmp(line, key, n) == 0 && line[n] == '=';
}

/* line: where the key stands. value: what was behind its "=". */
static int take(const char *line, const struct buf *value, struct arena *a,
		struct keeper_settings *ret, struct err *e)
{
	uint64_t *number = is_key("life_max_s", line) ? &ret->life_max_s
			   : is_key("read_ms", line)  ? &ret->read_ms
						      : NULL;
	if (number)
		return str_u64(buf_cstr(value), UINT32_MAX, number)
			       ? 0
			       : err_set(e, EINVAL, "settings: not a number: %.20s", line);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (is_key(rows[i].key, line)) {
			const char *copy = arena_strdup(a, buf_cstr(value), e);
			*text_at(ret, &rows[i]) = copy ? copy : "";
			return copy ? 0 : -1;
		}
	return 0;
}

int keeper_settings_read(const char *text, struct arena *a, struct keeper_settings *ret,
			 struct err *e)
{
	*ret = (struct keeper_settings){ 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		*text_at(ret, &rows[i]) = "";
	for (const char *at = text; *at;) {
		autobuf value = BUF(VALUE_MAX);
		size_t n = strcspn(at, "=\n");
		const char *key = at;
		at += n;
		if (*at != '=')
			return err_set(e, EINVAL, "settings: a line without \"=\"");
		at++;
		if (!str_unquote(&at, &value) || (*at && *at != '\n'))
			return err_set(e, EINVAL, "settings: the value of %.*s", (int)n, key);
		if (take(key, &value, a, ret, e) < 0)
			return -1;
		at += *at == '\n';
	}
	return 0;
}
