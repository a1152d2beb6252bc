#include "protocol/oci_layout.h"

#include "base/fd.h"
#include "base/str.h"
#include "protocol/json.h"
#include "protocol/oci_ref.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 4096, HEX_AT = 7 };

struct entry {
	const char *digest, *tag;
};

struct layout_index {
	struct entry *entries;
	size_t n;
};

static const struct json_row annotation_rows[] = {
	{ "org.opencontainers.image.ref.name", json_take_line, .to = offsetof(struct entry, tag),
	  .max = TEXT_MAX },
};
static const struct json_table annotation_table = { annotation_rows, 1, sizeof(struct entry),
						    NULL };

static const struct json_row entry_rows[] = {
	{ "digest", json_take_line, .to = offsetof(struct entry, digest), .min = 1,
	  .max = TEXT_MAX },
	{ "annotations", json_take_object, .more = &annotation_table },
};
static const struct json_table entry_table = { entry_rows, 2, sizeof(struct entry), NULL };

static const struct json_row index_rows[] = {
	{ "manifests", json_take_list, .to = offsetof(struct layout_index, entries),
	  .count = offsetof(struct layout_index, n), .min = 1, .max = OCI_LIST_MAX,
	  .more = &entry_table },
};
static const struct json_table index_table = { index_rows, 1, sizeof(struct layout_index), NULL };

/* A tag may be written alone or behind the image's name. */
static bool is_tag(const char *name, const char *tag)
{
	size_t n = strlen(name), k = strlen(tag);
	return strcmp(name, tag) == 0 || (n > k && name[n - k - 1] == ':' && str_ends(name, tag));
}

static int choose(const struct layout_index *l, const char *tag, const char **ret, struct err *e)
{
	const struct entry *found = !tag[0] && l->n == 1 ? l->entries : NULL;
	for (size_t i = 0; tag[0] && !found && i < l->n; i++)
		if (is_tag(l->entries[i].tag, tag))
			found = &l->entries[i];
	if (!found)
		return err_set(e, ENOENT, "index.json has %zu images, and none is called \"%.80s\"",
			       l->n, tag);
	if (!oci_digest_ok(found->digest))
		return err_set(e, EINVAL, "index.json: a digest that is not sha256");
	*ret = found->digest;
	return 0;
}

int oci_layout_find(const struct oci_answer *from, const char *tag, struct arena *a,
		    const char **ret, struct err *e)
{
	struct layout_index l = { 0 };
	json_auto_t *json = json_read(from->text, from->n, OCI_MANIFEST_MAX, e);
	struct json_at at = { .value = json };
	if (!json)
		return err_wrap(e, "index.json");
	if (json_take(&at, &index_table, &l, a, e) < 0)
		return err_wrap(e, "index.json");
	return choose(&l, tag, ret, e);
}

int oci_layout_tag(int dir, const char *tag, struct arena *a, const char **ret, struct err *e)
{
	autobuf text = BUF(OCI_MANIFEST_MAX);
	autofd fd = fd_open_beneath(dir, "index.json", O_RDONLY, 0, e);
	if (fd < 0 || fd_read_all(fd, &text, e) < 0)
		return -1;
	const struct oci_answer from = { buf_cstr(&text), "", text.len };
	return oci_layout_find(&from, tag, a, ret, e);
}

int oci_layout_open(int dir, const char *digest, struct err *e)
{
	char path[OCI_DIGEST_TEXT + 16];
	if (!oci_digest_ok(digest))
		return err_set(e, EINVAL, "not a digest");
	snprintf(path, sizeof path, "blobs/sha256/%s", digest + HEX_AT);
	return fd_open_beneath(dir, path, O_RDONLY | O_NONBLOCK, 0, e);
}
