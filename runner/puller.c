#include "runner/puller.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { LOCK_MS = 100, SAY_MS = 2000, HEX_AT = 7, LINE = 256 };

struct pull {
	struct puller *p;
	struct arena *a;
	struct oci_client client;
	struct oci_image image;
	struct oci_config config;
	size_t layer; /* the one that is fetched */
	uint64_t said_ms;
};

static const char *hex(const char *digest)
{
	return digest + HEX_AT;
}

static void sayf(struct pull *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void sayf(struct pull *u, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	u->p->say(u->p->arg, line);
}

/* --- one blob ----------------------------------------------------------------------------------- */

static void on_progress(void *arg, uint64_t bytes)
{
	struct pull *u = arg;
	char done[IMAGE_SIZE_TEXT], all[IMAGE_SIZE_TEXT];
	uint64_t now = clock_ms();
	if (now - u->said_ms < SAY_MS)
		return;
	u->said_ms = now;
	image_size_text(bytes, done);
	image_size_text(u->image.manifest.layers[u->layer].size, all);
	sayf(u, "Pulling layer %zu/%zu: %s of %s", u->layer + 1, u->image.manifest.nlayers, done,
	     all);
}

/* The unpacked layer is there, or the blob is. */
static bool is_there(const struct pull *u, size_t i)
{
	struct stat st;
	uint32_t number;
	uint64_t bytes;
	return image_store_layer(u->p->store.diffs, hex(u->config.diff_ids[i]), &number, &bytes) ||
	       fstatat(u->p->store.blobs, hex(u->image.manifest.layers[i].digest), &st,
		       AT_SYMLINK_NOFOLLOW) == 0;
}

struct wait {
	struct timer timer;
	bool over;
};

static void wait_over(struct timer *t)
{
	((struct wait *)(void *)t)->over = true;
}

static int wait_a_little(struct pull *u, struct err *e)
{
	struct wait w = { .timer = { .fire = wait_over } };
	loop_timer(u->p->loop, &w.timer, LOCK_MS);
	return loop_until(u->p->loop, &w.over, e);
}

/* The file under way, ours alone; -1 with EEXIST when somebody brought the blob meanwhile. */
static int open_part(struct pull *u, const char *name, struct err *e)
{
	bool said = false;
	for (;;) {
		struct stat mine, theirs;
		autofd fd = openat(u->p->store.blobs, name,
				   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return err_sys(e, "blob");
		if (is_there(u, u->layer))
			return err_set(e, EEXIST, "it is there");
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 &&
		    fstatat(u->p->store.blobs, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
		    mine.st_ino == theirs.st_ino)
			return is_there(u, u->layer) ? err_set(e, EEXIST, "it is there")
						     : fd_take(&fd);
		if (!said)
			sayf(u, "Layer %zu is being pulled for another job: waiting for it",
			     u->layer + 1);
		said = true;
		if (wait_a_little(u, e) < 0)
			return -1;
	}
}

static int fetch(struct pull *u, const struct oci_blob *blob, struct err *e)
{
	char part[IMAGE_HEX + 8], size[IMAGE_SIZE_TEXT];
	snprintf(part, sizeof part, "%s.part", hex(blob->digest));
	autofd fd = open_part(u, part, e);
	if (fd < 0 && e->code == EEXIST) {
		err_clear(e);
		return 0;
	}
	if (fd < 0)
		return -1;
	struct oci_fetch f = { .fd = fd, .progress = on_progress, .arg = u };
	image_size_text(blob->size, size);
	sayf(u, "Pulling layer %zu/%zu, %s", u->layer + 1, u->image.manifest.nlayers, size);
	u->said_ms = clock_ms();
	if (oci_client_blob(&u->client, blob, &f, e) < 0)
		return -1;
	/* Not synced: what is unpacked from it is checked against a digest of its own. */
	if (renameat(u->p->store.blobs, part, u->p->store.blobs, hex(blob->digest)) < 0)
		return err_sys(e, "blob");
	return 0;
}

static int fetch_all(struct pull *u, struct err *e)
{
	const struct oci_manifest *m = &u->image.manifest;
	uint64_t sum = 0;
	for (size_t i = 0; i < m->nlayers; i++) {
		if (m->layers[i].size > u->p->settings->max_bytes - sum)
			return err_set(e, E2BIG, "its layers are larger than %llu bytes, the limit",
				       (unsigned long long)u->p->settings->max_bytes);
		sum += m->layers[i].size;
	}
	for (u->layer = 0; u->layer < m->nlayers; u->layer++)
		if (!is_there(u, u->layer) && fetch(u, &m->layers[u->layer], e) < 0)
			return err_wrap(e, "layer %zu", u->layer + 1);
	return 0;
}

/* --- what it is --------------------------------------------------------------------------------- */

static int get_config(struct pull *u, const struct oci_platform *want, struct err *e)
{
	autobuf text = BUF(OCI_CONFIG_MAX);
	const struct oci_manifest *m = &u->image.manifest;
	struct oci_config *c = &u->config;
	if (oci_client_small(&u->client, &m->config, &text, e) < 0 ||
	    oci_config_parse(buf_cstr(&text), text.len, u->a, c, e) < 0)
		return -1;
	if (c->ndiff_ids != m->nlayers)
		return err_set(e, EINVAL, "%zu layers, and its configuration names %zu", m->nlayers,
			       c->ndiff_ids);
	if ((c->os[0] && strcmp(c->os, want->os) != 0) ||
	    (c->arch[0] && strcmp(c->arch, want->arch) != 0))
		return err_set(e, ENOENT, "not made for %s/%s, only for %.20s/%.20s", want->os,
			       want->arch, c->os, c->arch);
	return 0;
}

/* All that the store's file says; it was written when the image was new. */
static int known(struct pull *u, struct buf *record)
{
	struct err ignored = { 0 };
	struct image_record r;
	autofd fd = openat(u->p->store.images, hex(u->image.digest),
			   O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fd_read_all(fd, record, &ignored) < 0 ||
	    image_record_read(buf_cstr(record), record->len, u->a, &r, &ignored) < 0) {
		buf_clear(record);
		return 0;
	}
	return 1;
}

static int write_record(struct pull *u, struct buf *out, struct err *e)
{
	const struct oci_manifest *m = &u->image.manifest;
	const struct oci_config *c = &u->config;
	struct image_layer *layers = arena_array(u->a, m->nlayers, sizeof *layers, e);
	if (!layers)
		return -1;
	for (size_t i = 0; i < m->nlayers; i++)
		layers[i] = (struct image_layer){ hex(c->diff_ids[i]), hex(m->layers[i].digest),
						  m->layers[i].size };
	const struct image_record r = {
		.name = u->client.ref.text,
		.digest = hex(u->image.digest),
		.user = c->user,
		.workdir = c->workdir,
		.env = c->env,
		.nenv = c->nenv,
		.entrypoint = c->entrypoint,
		.nentrypoint = c->nentrypoint,
		.command = c->command,
		.ncommand = c->ncommand,
		.ports = c->ports,
		.nports = c->nports,
		.layers = layers,
		.nlayers = m->nlayers,
	};
	return image_record_write(&r, out, e);
}

/* --- all of it ---------------------------------------------------------------------------------- */

struct fault_row {
	int code;
	enum image_fault fault;
};

static enum image_fault fault_of(const struct err *e)
{
	static const struct fault_row rows[] = {
		{ ENOENT, IMAGE_NOT_FOUND },
		{ EACCES, IMAGE_AUTH },
		{ EHOSTUNREACH, IMAGE_UNREACHABLE },
		{ EBADMSG, IMAGE_DAMAGED },
		{ EPROTO, IMAGE_UNREACHABLE },
		{ ERANGE, IMAGE_UNREACHABLE },
		{ EINVAL, IMAGE_REFUSED },
		{ ENOTSUP, IMAGE_REFUSED },
		{ E2BIG, IMAGE_REFUSED },
		{ ENOSPC, IMAGE_DISK },
		{ EDQUOT, IMAGE_DISK },
		{ EPERM, IMAGE_CONFIG },
		{ ECANCELED, IMAGE_DAMAGED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == e->code)
			return rows[i].fault;
	return IMAGE_INTERNAL;
}

static int pull(struct pull *u, const struct oci_platform *want, struct puller_result *ret,
		struct err *e)
{
	if (oci_client_image(&u->client, want, u->a, &u->image, e) < 0) {
		bool platform = e->code == ENOENT && strstr(e->msg, "not made for");
		ret->fault = platform ? IMAGE_PLATFORM : fault_of(e);
		return -1;
	}
	ret->private = oci_client_private(&u->client);
	if (known(u, ret->record))
		return 0;
	if (get_config(u, want, e) < 0) {
		ret->fault = e->code == ENOENT ? IMAGE_PLATFORM : fault_of(e);
		return -1;
	}
	if (fetch_all(u, e) == 0 && write_record(u, ret->record, e) == 0)
		return 0;
	ret->fault = fault_of(e);
	return -1;
}

/* --- from the disk ------------------------------------------------------------------------------- */

static const char LAYOUT[] = "oci:";

/* "oci:/directory[:tag]": a directory that the operator allows, and nothing above it. */
static int open_layout(struct pull *u, const char *name, struct err *e)
{
	char *path = arena_strdup(u->a, name + sizeof LAYOUT - 1, e), *tag = path;
	if (!path)
		return -1;
	tag += strcspn(path, ":");
	if (*tag)
		*tag++ = '\0';
	u->client.ref = (struct oci_ref){ "", path, tag, "", name };
	for (size_t i = 0; i < u->p->settings->npaths; i++) {
		const struct puller_path *allowed = &u->p->settings->paths[i];
		size_t n = strlen(allowed->name);
		if (strncmp(path, allowed->name, n) != 0 || (path[n] && path[n] != '/'))
			continue;
		if (allowed->fd < 0)
			return err_set(e, EPERM, "%s of images.paths cannot be opened",
				       allowed->name);
		const char *rest = path + n + strspn(path + n, "/");
		return fd_open_beneath(allowed->fd, *rest ? rest : ".", O_RDONLY | O_DIRECTORY, 0,
				       e);
	}
	return err_set(e, EPERM, "%.200s is not below one of images.paths", path);
}

static int name_it(struct pull *u, const char *name, struct err *e)
{
	u->client.layout = -1;
	if (!str_starts(name, LAYOUT))
		return oci_ref_parse(name, u->a, &u->client.ref, e);
	u->client.layout = open_layout(u, name, e);
	return u->client.layout < 0 ? err_wrap(e, "%.200s", name) : 0;
}

int puller_run(struct puller *p, const struct puller_request *q, struct arena *a,
	       struct puller_result *ret, struct err *e)
{
	struct pull u = { .p = p, .a = a };
	struct oci_platform want;
	ret->fault = IMAGE_CONFIG;
	if (oci_platform_parse(q->platform, a, &want, e) < 0 || name_it(&u, q->name, e) < 0)
		return -1;
	autofd layout = u.client.layout;
	(void)layout;
	u.client.http = p->http;
	u.client.loop = p->loop;
	u.client.logins[0] = (struct oci_logins){ q->auth, "DOCKER_AUTH_CONFIG", strlen(q->auth) };
	u.client.logins[1] = (struct oci_logins){ p->settings->auth, "the operator's credentials",
						  strlen(p->settings->auth) };
	u.client.logins[2] = (struct oci_logins){ q->job_auth, "the job's credentials",
						  strlen(q->job_auth) };
	if (oci_client_init(&u.client, &p->settings->rules, e) < 0)
		return -1;
	int r = pull(&u, &want, ret, e);
	oci_client_done(&u.client);
	return r < 0 ? err_wrap(e, "%s", u.client.ref.text) : 0;
}
