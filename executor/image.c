#include "executor/image.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 256 << 10 };

struct fault_row {
	const char *name;
	bool passes;
};

static const struct fault_row faults[IMAGE_FAULTS] = {
	[IMAGE_CONFIG] = { "configuration", false },
	[IMAGE_NOT_FOUND] = { "not found", false },
	[IMAGE_PLATFORM] = { "platform", false },
	[IMAGE_AUTH] = { "access denied", false },
	[IMAGE_UNREACHABLE] = { "registry unreachable", true },
	[IMAGE_DAMAGED] = { "damaged", true },
	[IMAGE_REFUSED] = { "refused content", false },
	[IMAGE_DISK] = { "disk", true },
	[IMAGE_INTERNAL] = { "internal", true },
};

const char *image_fault_name(enum image_fault f)
{
	return faults[f < IMAGE_FAULTS ? f : IMAGE_INTERNAL].name;
}

bool image_fault_passes(enum image_fault f)
{
	return faults[f < IMAGE_FAULTS ? f : IMAGE_INTERNAL].passes;
}

void image_size_text(uint64_t bytes, char out[IMAGE_SIZE_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;
	uint64_t whole = bytes, rest = 0;
	while (whole >= 1024 && i + 1 < sizeof units / sizeof *units) {
		rest = whole % 1024;
		whole /= 1024;
		i++;
	}
	if (i)
		snprintf(out, IMAGE_SIZE_TEXT, "%llu.%llu %s", (unsigned long long)whole,
			 (unsigned long long)(rest * 10 / 1024), units[i]);
	else
		snprintf(out, IMAGE_SIZE_TEXT, "%llu B", (unsigned long long)bytes);
}

bool image_hex_ok(const char *s)
{
	return strspn(s, "0123456789abcdef") == IMAGE_HEX && s[IMAGE_HEX] == '\0';
}

/* --- the record: a line each, key=value, lists by repeating the key ------------------------------- */

struct text_row {
	const char *key;
	size_t to;
};

static const struct text_row texts[] = {
	{ "name", offsetof(struct image_record, name) },
	{ "digest", offsetof(struct image_record, digest) },
	{ "user", offsetof(struct image_record, user) },
	{ "workdir", offsetof(struct image_record, workdir) },
};

struct list_row {
	const char *key;
	size_t to, count;
};

static const struct list_row lists[] = {
	{ "env", offsetof(struct image_record, env), offsetof(struct image_record, nenv) },
	{ "entrypoint", offsetof(struct image_record, entrypoint),
	  offsetof(struct image_record, nentrypoint) },
	{ "command", offsetof(struct image_record, command),
	  offsetof(struct image_record, ncommand) },
	{ "port", offsetof(struct image_record, ports), offsetof(struct image_record, nports) },
};
enum { TEXTS = sizeof texts / sizeof *texts, LISTS = sizeof lists / sizeof *lists };

static int write_line(struct buf *out, const char *key, const char *value, struct err *e)
{
	if (buf_printf(out, e, "%s=", key) < 0 || str_quote(out, value, strlen(value), e) < 0)
		return -1;
	return buf_char(out, '\n', e);
}

int image_record_write(const struct image_record *r, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < TEXTS; i++) {
		const char *value;
		memcpy(&value, (const char *)r + texts[i].to, sizeof value);
		if (write_line(out, texts[i].key, value, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < LISTS; i++) {
		const char *const *values;
		size_t n;
		memcpy(&values, (const char *)r + lists[i].to, sizeof values);
		memcpy(&n, (const char *)r + lists[i].count, sizeof n);
		for (size_t k = 0; k < n; k++)
			if (write_line(out, lists[i].key, values[k], e) < 0)
				return -1;
	}
	for (size_t i = 0; i < r->nlayers; i++)
		if (buf_printf(out, e, "layer=\"%s %s %llu\"\n", r->layers[i].diff,
			       r->layers[i].blob, (unsigned long long)r->layers[i].size) < 0)
			return -1;
	return 0;
}

/* What is being read: lists that have room for the most there may be. */
struct reading {
	struct image_record *r;
	struct arena *a;
	const char **lists[LISTS];
	struct image_layer *layers;
};

static int take_layer(struct reading *g, char *text, struct err *e)
{
	struct image_layer l = { .diff = text };
	char *blob = strchr(text, ' '), *size = blob ? strchr(blob + 1, ' ') : NULL;
	if (!size || g->r->nlayers == IMAGE_LAYERS_MAX)
		return err_set(e, EINVAL, "image record: layers");
	*blob++ = *size++ = '\0';
	l.blob = blob;
	if (!image_hex_ok(l.diff) || !image_hex_ok(l.blob) || !str_u64(size, INT64_MAX, &l.size))
		return err_set(e, EINVAL, "image record: layer %zu", g->r->nlayers);
	g->layers[g->r->nlayers++] = l;
	return 0;
}

static int take_item(struct reading *g, size_t i, const char *value, struct err *e)
{
	size_t n;
	memcpy(&n, (char *)g->r + lists[i].count, sizeof n);
	if (n == IMAGE_WORDS_MAX)
		return err_set(e, EINVAL, "image record: too many of %s", lists[i].key);
	g->lists[i][n++] = value;
	memcpy((char *)g->r + lists[i].count, &n, sizeof n);
	return 0;
}

static int take(struct reading *g, const char *key, size_t n, char *value, struct err *e)
{
	if (n == 5 && strncmp(key, "layer", n) == 0)
		return take_layer(g, value, e);
	for (size_t i = 0; i < TEXTS; i++)
		if (strlen(texts[i].key) == n && strncmp(texts[i].key, key, n) == 0) {
			memcpy((char *)g->r + texts[i].to, &value, sizeof value);
			return 0;
		}
	for (size_t i = 0; i < LISTS; i++)
		if (strlen(lists[i].key) == n && strncmp(lists[i].key, key, n) == 0)
			return take_item(g, i, value, e);
	return err_set(e, EINVAL, "image record: unknown key");
}

static int prepare(struct reading *g, struct err *e)
{
	g->layers = arena_array(g->a, IMAGE_LAYERS_MAX, sizeof *g->layers, e);
	if (!g->layers)
		return -1;
	g->r->layers = g->layers;
	for (size_t i = 0; i < LISTS; i++) {
		g->lists[i] = arena_array(g->a, IMAGE_WORDS_MAX, sizeof *g->lists[i], e);
		if (!g->lists[i])
			return -1;
		memcpy((char *)g->r + lists[i].to, &g->lists[i], sizeof g->lists[i]);
	}
	return 0;
}

static int read_line(struct reading *g, const char **at, struct err *e)
{
	autobuf value = BUF(VALUE_MAX);
	const char *key = *at;
	size_t n = strcspn(key, "=\n");
	const char *s = key + n + (key[n] == '=');
	if (key[n] != '=' || !str_unquote(&s, &value) || *s != '\n')
		return err_set(e, EINVAL, "image record: malformed line");
	*at = s + 1;
	if (strlen(buf_cstr(&value)) != value.len)
		return err_set(e, EINVAL, "image record: a NUL");
	char *copy = arena_strndup(g->a, buf_cstr(&value), value.len, e);
	return copy ? take(g, key, n, copy, e) : -1;
}

int image_record_read(const char *text, size_t n, struct arena *a, struct image_record *ret,
		      struct err *e)
{
	struct image_record r = { .name = "", .digest = "", .user = "", .workdir = "" };
	struct reading g = { .r = &r, .a = a };
	if (n > IMAGE_RECORD_MAX || strlen(text) != n)
		return err_set(e, EINVAL, "image record: too long, or a NUL");
	if (prepare(&g, e) < 0)
		return -1;
	for (const char *at = text; *at;)
		if (read_line(&g, &at, e) < 0)
			return -1;
	if (r.nlayers == 0 || !image_hex_ok(r.digest))
		return err_set(e, EINVAL, "image record: no layers, or no digest");
	*ret = r;
	return 0;
}

int image_record_load(int fd, struct arena *a, struct image_record *ret, struct err *e)
{
	autobuf b = BUF(IMAGE_RECORD_MAX);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "image record");
	if (fd_read_all(fd, &b, e) < 0)
		return err_wrap(e, "image record");
	return image_record_read(buf_cstr(&b), b.len, a, ret, e);
}
