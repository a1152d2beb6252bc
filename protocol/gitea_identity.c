#include "protocol/gitea_identity.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SECRET_LEN = 40 };

/* --- labels ------------------------------------------------------------------------------------- */

int gitea_label_name(const char *label, size_t n, size_t *ret_n, struct err *e)
{
	const char *colon = memchr(label, ':', n);
	size_t name = colon ? (size_t)(colon - label) : n;
	if (name == 0 || !str_is_printable(label, name) || memchr(label, ' ', name))
		return err_set(e, EINVAL, "label \"%.*s\": no name", (int)(n < 80 ? n : 80), label);
	*ret_n = name;
	return 0;
}

struct schema {
	const char *name, *why; /* why not; NULL: it is served */
};

enum { HOST, DOCKER };

static const struct schema schemas[] = {
	[HOST] = { "host", NULL },
	[DOCKER] = { "docker", NULL },
	{ "lxc", "there are no LXC containers here: use NAME or NAME:host" },
};

/* What is behind ":docker": "//image" or "image". */
static const char *image_of(const char *rest)
{
	rest += *rest == ':';
	return str_starts(rest, "//") ? rest + 2 : rest;
}

int gitea_label_check(const char *label, struct err *e)
{
	size_t n;
	if (gitea_label_name(label, strlen(label), &n, e) < 0)
		return -1;
	if (!label[n])
		return 0;
	const char *schema = label + n + 1;
	size_t len = strcspn(schema, ":");
	for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
		if (strlen(schemas[i].name) != len || strncmp(schemas[i].name, schema, len) != 0)
			continue;
		if (schemas[i].why)
			return err_set(e, EINVAL, "label \"%.80s\": %s", label, schemas[i].why);
		return i == DOCKER && !*image_of(schema + len)
			       ? err_set(e, EINVAL, "label \"%.80s\": no image", label)
			       : 0;
	}
	return err_set(e, EINVAL, "label \"%.80s\": the schema is host or docker", label);
}

/* --- credentials -------------------------------------------------------------------------------- */

const char *gitea_credentials(const char *both, char ret_uuid[GITEA_UUID + 1])
{
	const char *colon = strchr(both, ':');
	if (!colon || colon - both != GITEA_UUID || !colon[1])
		return NULL;
	memcpy(ret_uuid, both, GITEA_UUID);
	ret_uuid[GITEA_UUID] = '\0';
	return colon + 1;
}

int gitea_offline_token(const char *secret, char ret[FORGE_TOKEN_MAX], struct err *e)
{
	char hex[33];
	size_t n = strlen(secret);
	if (n != SECRET_LEN || strspn(secret, "0123456789abcdefABCDEF") != n)
		return err_set(e, EINVAL, "an offline registration secret is %d hex digits",
			       SECRET_LEN);
	for (size_t i = 0; i < 16; i++) /* the UUID's bytes are the first characters themselves */
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)secret[i]);
	snprintf(ret, FORGE_TOKEN_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s:%s", hex, hex + 8, hex + 12,
		 hex + 16, hex + 20, secret);
	explicit_bzero(hex, sizeof hex);
	return 0;
}

/* --- repositories ------------------------------------------------------------------------------- */

/* FNV-1a, in a range that no server counts to. */
uint64_t gitea_project_id(const char *name, const char *full_name, uint64_t id)
{
	uint64_t h = 14695981039346656037ULL;
	if (id && strcmp(name, full_name) == 0)
		return id;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 1099511628211ULL;
	return h >> 2 | 1ULL << 62;
}
