#include "executor/settings.h"

#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum { VALUE_MAX = 1 << 20 };

struct row {
	const char *key;
	size_t offset;
	bool number;
};

#define TEXT(k)                                         \
	{                                               \
#k, offsetof(struct settings, k), false \
	}
#define NUMBER(k)                                      \
	{                                              \
#k, offsetof(struct settings, k), true \
	}

static const struct row rows[] = {
	TEXT(forge),
	TEXT(labels),
	TEXT(runner_name),
	TEXT(short_token),
	TEXT(system_id),
	TEXT(server_url),
	TEXT(shell),
	TEXT(builds_dir),
	TEXT(network),
	TEXT(hostname),
	TEXT(environment),
	TEXT(feature_flags),
	TEXT(pre_get_sources),
	TEXT(post_get_sources),
	TEXT(pre_build),
	TEXT(post_build),
	TEXT(clone_url),
	TEXT(notes),
	TEXT(ca_file),
	TEXT(image),
	TEXT(image_policy),
	TEXT(image_policies_allowed),
	TEXT(images_allowed),
	NUMBER(image_keep),
	NUMBER(output_limit),
	NUMBER(concurrent_id),
	NUMBER(concurrent_project_id),
	NUMBER(cancel_int_ms),
	NUMBER(cancel_term_ms),
	NUMBER(drain_ms),
	NUMBER(prepare_ms),
	NUMBER(get_sources_ms),
	NUMBER(services_wait_ms),
	NUMBER(debug_trace_off),
	NUMBER(actions_offline),
	NUMBER(alone),
	NUMBER(prepaid_ms),
};
enum { ROWS = sizeof rows / sizeof *rows };

static const char **text_at(struct settings *s, const struct row *r)
{
	return (const char **)(void *)((char *)s + r->offset);
}

static uint64_t *number_at(struct settings *s, const struct row *r)
{
	return (uint64_t *)(void *)((char *)s + r->offset);
}

static int value_write(struct settings *s, const struct row *r, struct buf *out, struct err *e)
{
	if (r->number)
		return buf_printf(out, e, "%" PRIu64, *number_at(s, r));
	const char *text = *text_at(s, r) ? *text_at(s, r) : "";
	return str_quote(out, text, strlen(text), e);
}

int settings_write(const struct settings *s, struct buf *out, struct err *e)
{
	struct settings copy = *s;
	for (size_t i = 0; i < ROWS; i++) {
		if (buf_printf(out, e, "%s=", rows[i].key) < 0 ||
		    value_write(&copy, &rows[i], out, e) < 0 || buf_char(out, '\n', e) < 0)
			return -1;
	}
	return 0;
}

static const struct row *row_of(const char *key, size_t n)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].key) == n && strncmp(rows[i].key, key, n) == 0)
			return &rows[i];
	return NULL;
}

static int take(const struct row *r, const struct buf *value, struct arena *a, struct settings *ret,
		struct err *e)
{
	if (!r->number) {
		*text_at(ret, r) = arena_strndup(a, buf_cstr(value), value->len, e);
		return *text_at(ret, r) ? 0 : -1;
	}
	if (!str_u64(buf_cstr(value), UINT64_MAX, number_at(ret, r)))
		return err_set(e, EINVAL, "settings: %s is not a number", r->key);
	return 0;
}

int settings_read(const char *text, struct arena *a, struct settings *ret, struct err *e)
{
	*ret = (struct settings){ 0 };
	for (size_t i = 0; i < ROWS; i++)
		if (!rows[i].number)
			*text_at(ret, &rows[i]) = "";
	while (*text) {
		autobuf value = BUF(VALUE_MAX);
		size_t n = strcspn(text, "=\n");
		const struct row *r = row_of(text, n);
		if (!r || text[n] != '=')
			return err_set(e, EINVAL, "settings: unknown key %.*s", (int)n, text);
		text += n + 1;
		if (!str_unquote(&text, &value) || *text != '\n')
			return err_set(e, EINVAL, "settings: malformed value of %s", r->key);
		text++;
		if (take(r, &value, a, ret, e) < 0)
			return -1;
	}
	return 0;
}
