#include "protocol/oci_manifest.h"

#include "base/str.h"
#include "protocol/json.h"
#include "protocol/oci_ref.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

enum { TEXT_MAX = 4096, NESTED = 512 };

/* --- platforms ---------------------------------------------------------------------------------- */

/* What uname says, and what images say. */
static const char *const machines[][2] = {
	{ "x86_64", "amd64" },    { "aarch64", "arm64" },   { "armv7l", "arm" },  { "i686", "386" },
	{ "riscv64", "riscv64" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" },
};

static const char *own_arch(void)
{
	static struct utsname u;
	if (uname(&u) < 0)
		return "unknown";
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strcmp(u.machine, machines[i][0]) == 0)
			return machines[i][1];
	return u.machine;
}

static bool word_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

int oci_platform_parse(const char *text, struct arena *a, struct oci_platform *ret, struct err *e)
{
	struct oci_platform p = { "linux", own_arch(), "" };
	const char **fields[] = { &p.os, &p.arch, &p.variant };
	char *copy = arena_strdup(a, text, e), *rest = copy;
	if (!copy)
		return -1;
	size_t i = text[0] && !strchr(text, '/') ? 1 : 0;
	for (char *word; text[0] && (word = strsep(&rest, "/")) != NULL; i++) {
		if (i == sizeof fields / sizeof *fields || !word_ok(word))
			return err_set(e, EINVAL, "platform \"%.64s\": not OS/ARCH[/VARIANT]",
				       text);
		*fields[i] = word;
	}
	*ret = p;
	return 0;
}

/* --- manifests ---------------------------------------------------------------------------------- */

struct descriptor {
	const char *type, *digest;
	uint64_t size;
	struct oci_platform platform;
};

struct document {
	unsigned version;
	const char *type;
	struct descriptor config;
	struct descriptor *layers, *manifests;
	size_t nlayers, nmanifests;
};

#define IN(type, field) .to = offsetof(struct type, field)
#define TABLE(list, type) (list), sizeof(list) / sizeof *(list), sizeof(struct type), NULL
#define LIST(type, list, n) IN(type, list), .count = offsetof(struct type, n)

static const struct json_row platform_rows[] = {
	{ "os", json_take_line, IN(descriptor, platform.os), .max = TEXT_MAX },
	{ "architecture", json_take_line, IN(descriptor, platform.arch), .max = TEXT_MAX },
	{ "variant", json_take_line, IN(descriptor, platform.variant), .max = TEXT_MAX },
};
static const struct json_table platform_table = { TABLE(platform_rows, descriptor) };

static const struct json_row descriptor_rows[] = {
	{ "mediaType", json_take_line, IN(descriptor, type), .max = TEXT_MAX },
	{ "digest", json_take_line, IN(descriptor, digest), .min = 1, .max = TEXT_MAX },
	{ "size", json_take_u64, IN(descriptor, size) },
	{ "platform", json_take_object, .more = &platform_table },
};
static const struct json_table descriptor_table = { TABLE(descriptor_rows, descriptor) };

static int take_config(const struct json_at *at, const struct json_row *row, void *to,
		       struct arena *a, struct err *e)
{
	struct document *d = to;
	(void)row;
	return at->value ? json_take(at, &descriptor_table, &d->config, a, e) : 0;
}

static const struct json_row document_rows[] = {
	{ "schemaVersion", json_take_unsigned, IN(document, version) },
	{ "mediaType", json_take_line, IN(document, type), .max = TEXT_MAX },
	{ .key = "config", .take = take_config },
	{ "layers", json_take_list, LIST(document, layers, nlayers), .max = OCI_LAYERS_MAX,
	  .more = &descriptor_table },
	{ "manifests", json_take_list, LIST(document, manifests, nmanifests), .max = OCI_LIST_MAX,
	  .more = &descriptor_table },
};
static const struct json_table document_table = { TABLE(document_rows, document) };

static bool says(const char *type, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(type, *known) == 0)
			return true;
	return false;
}

static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json", NULL
};
static const char *const image_types[] = { "application/vnd.oci.image.manifest.v1+json",
					   "application/vnd.docker.distribution.manifest.v2+json",
					   NULL };

/* Both shapes, or a shape that a media type belies: one reader would see what another does not. */
static int check_shape(const struct document *d, const char *type, struct err *e)
{
	bool index = d->nmanifests > 0, image = d->config.digest || d->nlayers;
	const char *const *other = index ? image_types : index_types;
	if (d->version == 1)
		return err_set(e, ENOTSUP, "a manifest of schema 1, which is no longer in use");
	if (index && image)
		return err_set(e, EINVAL, "it is both an index and an image");
	if (!index && !image)
		return err_set(e, EINVAL, "it is neither an index nor an image");
	if (says(type, other) || says(d->type, other))
		return err_set(e, EINVAL, "its media type is not what it is");
	return 0;
}

static int take_blob(const struct descriptor *d, struct oci_blob *ret, struct err *e)
{
	if (!d->digest || !oci_digest_ok(d->digest))
		return err_set(e, EINVAL, "a digest that is not sha256");
	*ret = (struct oci_blob){ d->digest, d->size };
	return 0;
}

static bool is_foreign(const char *type)
{
	return strstr(type, "nondistributable") || strstr(type, "foreign");
}

static int take_image(const struct document *d, struct arena *a, struct oci_manifest *m,
		      struct err *e)
{
	struct oci_blob *layers = arena_array(a, d->nlayers + 1, sizeof *layers, e);
	if (!layers)
		return -1;
	if (d->nlayers == 0)
		return err_set(e, EINVAL, "no layers");
	if (take_blob(&d->config, &m->config, e) < 0)
		return err_wrap(e, "config");
	if (m->config.size > OCI_CONFIG_MAX)
		return err_set(e, E2BIG, "config: more than %d bytes", OCI_CONFIG_MAX);
	for (size_t i = 0; i < d->nlayers; i++) {
		if (is_foreign(d->layers[i].type))
			return err_set(e, ENOTSUP, "layer %zu lies on another server", i);
		if (take_blob(&d->layers[i], &layers[i], e) < 0)
			return err_wrap(e, "layer %zu", i);
	}
	m->layers = layers;
	m->nlayers = d->nlayers;
	return 0;
}

/* 0: not for this machine; the more, the better. An older variant of arm runs on a newer one. */
static int fits(const struct oci_platform *has, const struct oci_platform *want)
{
	if (strcmp(has->os, want->os) != 0 || strcmp(has->arch, want->arch) != 0)
		return 0;
	if (strcmp(has->variant, want->variant) == 0)
		return 3;
	if (!want->variant[0])
		return 2;
	return has->variant[0] ? 0 : 1;
}

static void list_platforms(const struct document *d, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < d->nmanifests && at < size; i++) {
		const struct oci_platform *p = &d->manifests[i].platform;
		if (strcmp(p->os, "unknown") == 0)
			continue; /* an attestation */
		at += (size_t)snprintf(out + at, size - at, "%s%.20s/%.20s%s%.20s", at ? ", " : "",
				       p->os, p->arch, p->variant[0] ? "/" : "", p->variant);
	}
}

static int take_index(const struct document *d, const struct oci_platform *want,
		      struct oci_manifest *m, struct err *e)
{
	const struct descriptor *best = NULL;
	char there[200];
	int most = 0;
	for (size_t i = 0; i < d->nmanifests; i++) {
		const struct descriptor *c = &d->manifests[i];
		int fit = fits(&c->platform, want);
		if (fit > most) {
			most = fit;
			best = c;
		}
	}
	m->is_index = true;
	if (best)
		return take_blob(best, &m->chosen, e);
	list_platforms(d, there, sizeof there);
	return err_set(e, ENOENT, "not made for %s/%s%s%s, only for %s", want->os, want->arch,
		       want->variant[0] ? "/" : "", want->variant, there[0] ? there : "nothing");
}

int oci_manifest_parse(const struct oci_answer *from, const struct oci_platform *want,
		       struct arena *a, struct oci_manifest *ret, struct err *e)
{
	struct document d = { .type = "" };
	struct oci_manifest m = { 0 };
	json_auto_t *json = json_read(from->text, from->n, OCI_MANIFEST_MAX, e);
	struct json_at at = { .value = json };
	if (!json)
		return err_wrap(e, "manifest");
	if (!json_is_object(json))
		return err_set(e, EINVAL, "manifest: not an object");
	if (json_take(&at, &document_table, &d, a, e) < 0 || check_shape(&d, from->type, e) < 0)
		return err_wrap(e, "manifest");
	if ((d.nmanifests ? take_index(&d, want, &m, e) : take_image(&d, a, &m, e)) < 0)
		return err_wrap(e, "manifest");
	*ret = m;
	return 0;
}

/* --- configurations ----------------------------------------------------------------------------- */

/* An object whose keys are what is wanted. */
static int take_ports(const struct json_at *at, const struct json_row *row, void *to,
		      struct arena *a, struct err *e)
{
	struct oci_config *c = to;
	const char *key;
	json_t *none, *all = (json_t *)(uintptr_t)at->value; /* nothing is written */
	size_t n = json_object_size(at->value);
	(void)row;
	const char **ports = n && n <= OCI_LIST_MAX ? arena_array(a, n, sizeof *ports, e) : NULL;
	if (!ports)
		return n > OCI_LIST_MAX ? json_at_fail(at, e, "%zu ports", n) : n ? -1 : 0;
	json_object_foreach(all, key, none)
	{
		if (!str_is_printable(key, strlen(key)))
			return json_at_fail(at, e, "not ports");
		ports[c->nports] = arena_strdup(a, key, e);
		if (!ports[c->nports++])
			return -1;
	}
	c->ports = ports;
	return 0;
}

static const struct json_row run_rows[] = {
	{ "User", json_take_line, IN(oci_config, user), .max = TEXT_MAX },
	{ "WorkingDir", json_take_line, IN(oci_config, workdir), .max = TEXT_MAX },
	{ "Env", json_take_texts, LIST(oci_config, env, nenv), .max = OCI_LIST_MAX },
	{ "Entrypoint", json_take_texts, LIST(oci_config, entrypoint, nentrypoint),
	  .max = OCI_LIST_MAX },
	{ "Cmd", json_take_texts, LIST(oci_config, command, ncommand), .max = OCI_LIST_MAX },
	{ .key = "ExposedPorts", .take = take_ports },
};
static const struct json_table run_table = { TABLE(run_rows, oci_config) };

static const struct json_row rootfs_rows[] = {
	{ "diff_ids", json_take_texts, LIST(oci_config, diff_ids, ndiff_ids), .min = 1,
	  .max = OCI_LAYERS_MAX },
};
static const struct json_table rootfs_table = { TABLE(rootfs_rows, oci_config) };

static const struct json_row config_rows[] = {
	{ "os", json_take_line, IN(oci_config, os), .max = TEXT_MAX },
	{ "architecture", json_take_line, IN(oci_config, arch), .max = TEXT_MAX },
	{ "config", json_take_object, .more = &run_table },
	{ "rootfs", json_take_object, .min = 1, .more = &rootfs_table },
};
static const struct json_table config_table = { TABLE(config_rows, oci_config) };

static bool env_ok(const char *s)
{
	const char *eq = strchr(s, '=');
	return eq && eq > s;
}

static int check_config(const struct oci_config *c, struct err *e)
{
	for (size_t i = 0; i < c->ndiff_ids; i++)
		if (!oci_digest_ok(c->diff_ids[i]))
			return err_set(e, EINVAL, "rootfs.diff_ids[%zu]: not a sha256 digest", i);
	for (size_t i = 0; i < c->nenv; i++)
		if (!env_ok(c->env[i]))
			return err_set(e, EINVAL, "config.Env[%zu]: not NAME=value", i);
	return 0;
}

int oci_config_parse(const char *text, size_t n, struct arena *a, struct oci_config *ret,
		     struct err *e)
{
	struct oci_config c = { .os = "", .arch = "", .user = "", .workdir = "" };
	json_auto_t *json = json_read(text, n, OCI_CONFIG_MAX, e);
	struct json_at at = { .value = json };
	if (!json)
		return err_wrap(e, "image configuration");
	if (!json_is_object(json))
		return err_set(e, EINVAL, "image configuration: not an object");
	if (json_take(&at, &config_table, &c, a, e) < 0 || check_config(&c, e) < 0)
		return err_wrap(e, "image configuration");
	*ret = c;
	return 0;
}

/* --- errors ------------------------------------------------------------------------------------- */

/* Printable, and short enough for one line. */
static void add_line(struct buf *b, const char *s)
{
	struct err full = { 0 };
	for (size_t i = 0, n = strnlen(s, NESTED); i < n; i++) {
		char c = s[i];
		if (buf_char(b, str_is_printable(&c, 1) ? c : ' ', &full) < 0)
			return;
	}
}

void oci_error_text(const char *text, size_t n, struct buf *ret)
{
	struct err none = { 0 };
	json_auto_t *json = json_read(text, n, OCI_CONFIG_MAX, &none);
	const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
	const char *code = json_string_value(json_object_get(first, "code"));
	const char *message = json_string_value(json_object_get(first, "message"));
	if (code)
		add_line(ret, code);
	if (code && message)
		add_line(ret, ": ");
	if (message)
		add_line(ret, message);
}
