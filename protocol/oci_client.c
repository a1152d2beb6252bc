#include "protocol/oci_client.h"

#include "base/fd.h"
#include "base/str.h"
#include "protocol/oci_layout.h"
#include "protocol/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/evp.h>

enum { PATH_ROOM = 1024, CHUNK = 256 << 10 };

/* --- where ------------------------------------------------------------------------------------- */

static bool is_plain(const struct oci_rules *rules, const char *host)
{
	for (size_t i = 0; i < rules->ninsecure; i++)
		if (strcasecmp(rules->insecure[i], host) == 0)
			return true;
	return false;
}

static int add_site(struct oci_client *c, const char *base, const char *login, bool plain,
		    struct err *e)
{
	struct oci_site *s = &c->sites[c->nsites];
	if (c->nsites == OCI_SITES)
		return err_set(e, E2BIG, "more than %d servers for %s", OCI_SITES, c->ref.host);
	if (strlen(base) >= sizeof s->base || strlen(login) >= sizeof s->login)
		return err_set(e, EINVAL, "%.80s: too long", base);
	*s = (struct oci_site){ .plain = plain };
	snprintf(s->base, sizeof s->base, "%s", base);
	snprintf(s->login, sizeof s->login, "%s", login);
	c->nsites++;
	return 0;
}

/* One "host=url" of the configuration, if it is for our host. */
static int add_mirror(struct oci_client *c, const struct oci_rules *rules, const char *text,
		      struct err *e)
{
	const char *eq = strchr(text, '=');
	size_t n = eq ? (size_t)(eq - text) : 0;
	autobuf base = BUF(URL_MAX);
	char host[URL_HOST_MAX];
	if (!eq)
		return err_set(e, EINVAL, "mirror \"%.80s\": not HOST=URL", text);
	if (strlen(c->ref.host) != n || strncasecmp(c->ref.host, text, n) != 0)
		return 0;
	if (url_normalise(eq + 1, &base, e) < 0)
		return err_wrap(e, "mirror of %s", c->ref.host);
	url_host(buf_cstr(&base), host);
	if (!url_is_tls(buf_cstr(&base)) && !is_plain(rules, host))
		return err_set(e, EPERM, "mirror %s: not HTTPS, and not listed as insecure", host);
	return add_site(c, buf_cstr(&base), host, !url_is_tls(buf_cstr(&base)), e);
}

int oci_client_init(struct oci_client *c, const struct oci_rules *rules, struct err *e)
{
	char base[300];
	const char *server = oci_ref_server(&c->ref);
	c->nsites = c->site = 0;
	if (c->layout >= 0)
		return add_site(c, "", c->ref.host, false, e);
	for (size_t i = 0; i < rules->nmirrors; i++)
		if (add_mirror(c, rules, rules->mirrors[i], e) < 0)
			return -1;
	bool plain = is_plain(rules, server);
	snprintf(base, sizeof base, "%s://%s", plain ? "http" : "https", server);
	return add_site(c, base, c->ref.host, plain, e);
}

void oci_client_done(struct oci_client *c)
{
	for (size_t i = 0; i < c->nsites; i++) {
		oci_login_done(&c->sites[i].credentials);
		secret_done(&c->sites[i].authorization);
	}
	c->nsites = 0;
}

bool oci_client_private(const struct oci_client *c)
{
	return c->sites[c->site].used_login;
}

/* --- digests ------------------------------------------------------------------------------------ */

struct digest {
	EVP_MD_CTX *ctx;
};

static void digest_free(const struct digest *d)
{
	EVP_MD_CTX_free(d->ctx);
}
#define autodigest __attribute__((cleanup(digest_free))) struct digest

static int digest_begin(struct digest *d, struct err *e)
{
	if (!d->ctx)
		d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
		return err_set(e, ENOMEM, "digest");
	return 0;
}

static void digest_text(const struct digest *d, char out[OCI_DIGEST_TEXT])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int at = snprintf(out, OCI_DIGEST_TEXT, "sha256:");
	if (EVP_DigestFinal_ex(d->ctx, raw, &n) != 1)
		return;
	for (unsigned i = 0; i < n; i++)
		at += snprintf(out + at, (size_t)(OCI_DIGEST_TEXT - at), "%02x", raw[i]);
}

static int digest_of(const struct buf *b, char out[OCI_DIGEST_TEXT], struct err *e)
{
	autodigest d = { NULL };
	if (digest_begin(&d, e) < 0)
		return -1;
	EVP_DigestUpdate(d.ctx, buf_cstr(b), b->len);
	digest_text(&d, out);
	return 0;
}

static int check_digest(const char *wanted, const char *got, struct err *e)
{
	if (strcmp(wanted, got) == 0)
		return 0;
	return err_set(e, EBADMSG, "%.19s… was promised and %.19s… came", wanted, got);
}

/* --- manifests ---------------------------------------------------------------------------------- */

static struct oci_ask question(struct oci_client *c, const char *path)
{
	return (struct oci_ask){
		.http = c->http,
		.loop = c->loop,
		.site = &c->sites[c->site],
		.logins = c->logins,
		.repo = c->ref.repo,
		.path = path,
	};
}

/* Of a directory instead of a server. */
static int read_file(const struct oci_client *c, const char *digest, struct buf *ret, struct err *e)
{
	autofd fd = oci_layout_open(c->layout, digest, e);
	return fd < 0 ? -1 : fd_read_all(fd, ret, e);
}

static int ask_or_read(struct oci_client *c, struct oci_ask *q, const char *digest, struct err *e)
{
	if (c->layout < 0)
		return oci_ask(q, e);
	q->body = (struct buf)BUF(q->max);
	return read_file(c, digest, &q->body, e);
}

/* The bytes of a manifest; its digest is ours, computed from them. */
static int get_manifest(struct oci_client *c, const char *wanted, struct oci_ask *q,
			char *ret_digest, struct err *e)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof path, "/v2/%s/manifests/%s", c->ref.repo, wanted);
	*q = question(c, path);
	q->max = OCI_MANIFEST_MAX;
	if (ask_or_read(c, q, wanted, e) < 0 || digest_of(&q->body, ret_digest, e) < 0)
		return -1;
	if (oci_digest_ok(wanted) && check_digest(wanted, ret_digest, e) < 0)
		return err_wrap(e, "manifest");
	return 0;
}

/* What is looked for, and where it goes. */
struct look {
	struct oci_client *c;
	const struct oci_platform *want;
	struct arena *a;
	struct oci_image *ret;
};

static int read_manifest(const struct look *l, const char *wanted, struct err *e)
{
	struct oci_ask q;
	int r = get_manifest(l->c, wanted, &q, l->ret->digest, e);
	if (r == 0) {
		const struct oci_answer from = { buf_cstr(&q.body), q.type, q.body.len };
		r = oci_manifest_parse(&from, l->want, l->a, &l->ret->manifest, e);
	}
	oci_ask_done(&q);
	return r;
}

/* At one site; an index is followed once. */
static int image_at_site(const struct look *l, struct err *e)
{
	const struct oci_manifest *m = &l->ret->manifest;
	const char *wanted = oci_ref_wanted(&l->c->ref);
	if (l->c->layout >= 0 && oci_layout_tag(l->c->layout, wanted, l->a, &wanted, e) < 0)
		return -1;
	if (read_manifest(l, wanted, e) < 0)
		return -1;
	if (!m->is_index)
		return 0;
	if (read_manifest(l, m->chosen.digest, e) < 0)
		return -1;
	return m->is_index ? err_set(e, EINVAL, "an index in an index") : 0;
}

int oci_client_image(struct oci_client *c, const struct oci_platform *want, struct arena *a,
		     struct oci_image *ret, struct err *e)
{
	const struct look l = { c, want, a, ret };
	for (c->site = 0;; c->site++) {
		err_clear(e);
		if (image_at_site(&l, e) == 0)
			return 0;
		if (c->site + 1 == c->nsites)
			return -1;
	}
}

/* --- blobs -------------------------------------------------------------------------------------- */

static int blob_path(const struct oci_client *c, const struct oci_blob *b, char *out, struct err *e)
{
	if (!oci_digest_ok(b->digest))
		return err_set(e, EINVAL, "not a digest");
	snprintf(out, PATH_ROOM, "/v2/%s/blobs/%s", c->ref.repo, b->digest);
	return 0;
}

int oci_client_small(struct oci_client *c, const struct oci_blob *blob, struct buf *ret,
		     struct err *e)
{
	char path[PATH_ROOM], digest[OCI_DIGEST_TEXT];
	if (blob_path(c, blob, path, e) < 0)
		return -1;
	struct oci_ask q = question(c, path);
	q.max = ret->max;
	int r = ask_or_read(c, &q, blob->digest, e);
	if (r == 0)
		r = digest_of(&q.body, digest, e) < 0 ? -1 : check_digest(blob->digest, digest, e);
	if (r == 0)
		r = buf_add(ret, buf_cstr(&q.body), q.body.len, e);
	oci_ask_done(&q);
	return r;
}

struct download {
	const struct oci_fetch *f;
	const struct oci_blob *blob;
	struct digest digest;
	uint64_t at;
	struct err e;
};

static void download_done(struct download *d)
{
	digest_free(&d->digest);
}
#define autodownload __attribute__((cleanup(download_done))) struct download

/* Digest what the file holds, up to at; more is cut off. */
static int go_on_from(struct download *d, uint64_t at)
{
	static char chunk[CHUNK];
	if (ftruncate(d->f->fd, (off_t)at) < 0)
		return err_sys(&d->e, "truncate");
	if (digest_begin(&d->digest, &d->e) < 0)
		return -1;
	for (d->at = 0; d->at < at;) {
		ssize_t n = pread(d->f->fd, chunk, sizeof chunk, (off_t)d->at);
		if (n <= 0)
			return err_sys(&d->e, "read");
		EVP_DigestUpdate(d->digest.ctx, chunk, (size_t)n);
		d->at += (uint64_t)n;
	}
	return lseek(d->f->fd, (off_t)at, SEEK_SET) < 0 ? err_sys(&d->e, "seek") : 0;
}

static bool on_begin(void *arg, uint64_t at)
{
	struct download *d = arg;
	return at == d->at || go_on_from(d, at) == 0;
}

static bool on_bytes(void *arg, const char *p, size_t n)
{
	struct download *d = arg;
	if (n > d->blob->size - d->at)
		return err_set(&d->e, EBADMSG, "it is longer than the %llu bytes announced",
			       (unsigned long long)d->blob->size) == 0;
	if (fd_write_all(d->f->fd, p, n, &d->e) < 0)
		return false;
	EVP_DigestUpdate(d->digest.ctx, p, n);
	d->at += n;
	if (d->f->progress)
		d->f->progress(d->f->arg, d->at);
	return true;
}

static int copy(const struct oci_client *c, struct download *d, struct err *e)
{
	static char chunk[CHUNK];
	ssize_t n = 0;
	autofd fd = oci_layout_open(c->layout, d->blob->digest, e);
	if (fd < 0)
		return -1;
	while ((n = pread(fd, chunk, sizeof chunk, (off_t)d->at)) > 0)
		if (!on_bytes(d, chunk, (size_t)n))
			break;
	if (d->e.code)
		*e = d->e;
	return d->e.code ? -1 : n < 0 ? err_sys(e, "blob") : 0;
}

static int download(struct oci_client *c, const char *path, struct download *d, struct err *e)
{
	if (c->layout >= 0)
		return copy(c, d, e);
	struct oci_ask q = question(c, path);
	q.from = d->at;
	q.begin = on_begin;
	q.bytes = on_bytes;
	q.arg = d;
	int r = d->at < d->blob->size ? oci_ask(&q, e) : 0;
	oci_ask_done(&q);
	if (d->e.code)
		*e = d->e;
	return r < 0 || d->e.code ? -1 : 0;
}

static int finish(struct download *d, struct err *e)
{
	char digest[OCI_DIGEST_TEXT];
	if (d->at != d->blob->size)
		return err_set(e, EBADMSG, "%llu bytes came instead of %llu",
			       (unsigned long long)d->at, (unsigned long long)d->blob->size);
	digest_text(&d->digest, digest);
	return check_digest(d->blob->digest, digest, e);
}

int oci_client_blob(struct oci_client *c, const struct oci_blob *blob, const struct oci_fetch *f,
		    struct err *e)
{
	char path[PATH_ROOM];
	struct stat st;
	autodownload d = { .f = f, .blob = blob };
	if (blob_path(c, blob, path, e) < 0)
		return -1;
	if (fstat(f->fd, &st) < 0)
		return err_sys(e, "blob");
	uint64_t there = (uint64_t)st.st_size <= blob->size ? (uint64_t)st.st_size : 0;
	int r = go_on_from(&d, there);
	if (r < 0)
		*e = d.e;
	else if (download(c, path, &d, e) < 0 || finish(&d, e) < 0)
		r = -1;
	if (r < 0 && e->code == EBADMSG && ftruncate(f->fd, 0) < 0)
		return err_sys(e, "truncate");
	return r < 0 ? err_wrap(e, "blob %.19s…", blob->digest) : 0;
}
