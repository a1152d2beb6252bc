/* What a registry or a job says about images: taken or refused with words, and what is taken is safe to
 * build an address and a path of. The first byte says as what the rest is read. */
#include "protocol/oci_auth.h"
#include "protocol/oci_layout.h"
#include "protocol/oci_manifest.h"
#include "protocol/oci_ref.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 4 << 20, ADDRESS = 200 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(int holds)
{
	if (!holds)
		abort();
}

static void refused(const struct err *e)
{
	need(e->msg[0] != '\0' && !strpbrk(e->msg, "\r\n"));
}

static void look_ref(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	struct oci_ref r, again;
	(void)n;
	if (oci_ref_parse(text, a, &r, &e) < 0) {
		need(e.msg[0] != '\0');
		return;
	}
	need(!strpbrk(r.text, " \r\n%?#\\\"'") && !strstr(r.text, "/.") && r.text[0] != '-');
	need(r.digest[0] ? oci_digest_ok(r.digest) : r.tag[0] != '\0');
	need(oci_ref_parse(r.text, a, &again, &e) == 0 && strcmp(r.text, again.text) == 0);
}

static void look_manifest(const char *text, size_t n, struct arena *a)
{
	static const struct oci_platform p = { "linux", "amd64", "" };
	struct err e = { 0 };
	struct oci_manifest m;
	const struct oci_answer from = { text, "", n };
	if (oci_manifest_parse(&from, &p, a, &m, &e) < 0) {
		refused(&e);
		return;
	}
	if (m.is_index) {
		need(oci_digest_ok(m.chosen.digest));
		return;
	}
	need(oci_digest_ok(m.config.digest) && m.nlayers > 0 && m.nlayers <= OCI_LAYERS_MAX);
	for (size_t i = 0; i < m.nlayers; i++)
		need(oci_digest_ok(m.layers[i].digest));
}

static void look_config(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	struct oci_config c;
	if (oci_config_parse(text, n, a, &c, &e) < 0) {
		refused(&e);
		return;
	}
	need(c.ndiff_ids > 0 && !strpbrk(c.user, "\r\n") && !strpbrk(c.workdir, "\r\n"));
	for (size_t i = 0; i < c.ndiff_ids; i++)
		need(oci_digest_ok(c.diff_ids[i]));
	for (size_t i = 0; i < c.nenv; i++)
		need(strchr(c.env[i], '=') > c.env[i]);
}

static void look_challenge(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	struct oci_challenge c;
	autobuf url = BUF(ADDRESS);
	(void)n;
	if (oci_challenge_parse(text, a, &c, &e) < 0)
		refused(&e);
	else if (oci_token_url(&c, "a/b", false, &url, &e) == 0)
		need(strncmp(buf_cstr(&url), "https://", 8) == 0 &&
		     !strpbrk(buf_cstr(&url), " \r\n"));
}

static void look_login(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	struct oci_login l;
	autosecret token = { 0 };
	(void)a;
	if (oci_login_find(text, n, "r.example", &l, &e) < 0)
		refused(&e);
	need(!strpbrk(secret_expose(&l.basic), " \r\n"));
	oci_login_done(&l);
	err_clear(&e);
	if (oci_token_parse(text, n, &token, &e) < 0)
		refused(&e);
	need(!strpbrk(secret_expose(&token), " \r\n"));
}

static void look_error(const char *text, size_t n, struct arena *a)
{
	autobuf b = BUF(1000);
	(void)a;
	oci_error_text(text, n, &b);
	need(!strpbrk(buf_cstr(&b), "\r\n\033"));
}

static void look_layout(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	const char *digest;
	const struct oci_answer from = { text, "", n };
	if (oci_layout_find(&from, "1", a, &digest, &e) < 0)
		refused(&e);
	else
		need(oci_digest_ok(digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const looks[])(const char *, size_t, struct arena *) = {
		look_ref,   look_manifest, look_config, look_challenge,
		look_login, look_error,    look_layout,
	};
	struct arena a = ARENA(ROOM);
	struct err e = { 0 };
	if (n == 0)
		return 0;
	char *text = arena_strndup(&a, (const char *)data + 1, n - 1, &e);
	if (text)
		looks[data[0] % (sizeof looks / sizeof *looks)](text, n - 1, &a);
	arena_done(&a);
	return 0;
}
