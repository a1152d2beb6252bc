#include "executor/git_lib.h"

#include "base/str.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>

int git_lib_init(struct err *e)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
				      GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL };
	if (git_libgit2_init() < 0)
		return err_set(e, EIO, "libgit2 cannot start");
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "") < 0)
			return err_set(e, EIO, "libgit2 keeps its configuration");
	if (git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "") < 0 ||
	    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0) < 0 ||
	    git_libgit2_opts(GIT_OPT_SET_USER_AGENT, "courser/" VERSION) < 0 ||
	    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1) < 0)
		return err_set(e, EIO, "libgit2 refuses its options");
	return 0;
}

int git_lib_certificates(const char *path, struct err *e)
{
	int r = git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, path, NULL);
	if (r < 0)
		git_lib_error(r, e, "certificates");
	return r < 0 ? -1 : 0;
}

bool git_lib_fetches_well(void)
{
	int major = 0, minor = 0, patch = 0;
	git_libgit2_version(&major, &minor, &patch);
	return major > 1 || (major == 1 && minor >= 7);
}

const char *git_lib_name(void)
{
	static char name[32];
	int major = 0, minor = 0, patch = 0;
	git_libgit2_version(&major, &minor, &patch);
	snprintf(name, sizeof name, "libgit2 %d.%d.%d", major, minor, patch);
	return name;
}

struct text_row {
	const char *text;
	enum sources_fault fault;
};

/* The first that occurs counts. */
static const struct text_row texts[] = {
	{ "No space left", SOURCES_DISK },
	{ "Disk quota exceeded", SOURCES_DISK },
	{ "Read-only file system", SOURCES_DISK },
	{ "Permission denied", SOURCES_DISK },
	{ "File too large", SOURCES_PROTOCOL },
	{ "signal 25", SOURCES_PROTOCOL },
	{ "the server refused the token", SOURCES_AUTH },
	{ "Authentication failed", SOURCES_AUTH },
	{ "could not read Username", SOURCES_AUTH },
	{ "could not read Password", SOURCES_AUTH },
	{ "authentication", SOURCES_AUTH },
	{ "status code: 401", SOURCES_AUTH },
	{ "status code: 403", SOURCES_AUTH },
	{ "returned error: 401", SOURCES_AUTH },
	{ "returned error: 403", SOURCES_AUTH },
	{ "status code: 404", SOURCES_NOT_FOUND },
	{ "returned error: 404", SOURCES_NOT_FOUND },
	{ "' not found", SOURCES_NOT_FOUND },
	{ "not our ref", SOURCES_NOT_FOUND },
	{ "upload-pack: not", SOURCES_NOT_FOUND },
	{ "couldn't find remote ref", SOURCES_NOT_FOUND },
	{ "Operation too slow", SOURCES_TIMEOUT },
	{ "timed out", SOURCES_TIMEOUT },
	{ "redirect", SOURCES_NETWORK },
	{ "Could not resolve", SOURCES_NETWORK },
	{ "failed to resolve", SOURCES_NETWORK },
	{ "ailed to connect", SOURCES_NETWORK },
	{ "onnection re", SOURCES_NETWORK },
	{ "SSL", SOURCES_NETWORK },
	{ "ertificate", SOURCES_NETWORK },
	{ "unexpected disconnect", SOURCES_NETWORK },
	{ "hung up", SOURCES_NETWORK },
	{ "roken pipe", SOURCES_NETWORK },
	{ "early EOF", SOURCES_NETWORK },
	{ "RPC failed", SOURCES_NETWORK },
	{ "status code: 5", SOURCES_NETWORK },
	{ "returned error: 5", SOURCES_NETWORK },
	{ "unable to access", SOURCES_NETWORK },
	{ "content-type", SOURCES_PROTOCOL },
	{ "protocol error", SOURCES_PROTOCOL },
	{ "bad line length", SOURCES_PROTOCOL },
	{ "status code", SOURCES_PROTOCOL },
	{ "too many redirects", SOURCES_PROTOCOL },
	{ "not a git repository", SOURCES_CORRUPT },
	{ "corrupt", SOURCES_CORRUPT },
	{ "bad object", SOURCES_CORRUPT },
	{ "unable to read", SOURCES_CORRUPT },
	{ "cannot be accessed", SOURCES_CORRUPT },
	{ "inflate", SOURCES_CORRUPT },
	{ "did not send all necessary objects", SOURCES_CORRUPT },
};

enum sources_fault git_text_fault(const char *text)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strstr(text, texts[i].text))
			return texts[i].fault;
	return SOURCES_INTERNAL;
}

struct hint_row {
	const char *text, *hint;
	bool tls; /* only where TLS was spoken */
};

static const char untrusted[] =
	" (no authority that this runner trusts signed the server's certificate: tls_ca_file)";
static const char refused[] =
	" (the server broke off: it may want a client certificate, or another "
	"one: tls_cert_file, tls_key_file)";
static const char redirect[] = " (a redirect is not followed: use the repository's own address)";
static const char proxy[] = " (the proxy refused to serve this runner: proxy)";

/* What TLS libraries and curl leave unsaid. How a client whose certificate is missing hears of it is a
 * race between the server's alert and its close. */
static const struct hint_row hints[] = {
	{ "certificate verification failed", untrusted, true },
	{ "SSL certificate problem", untrusted, true },
	{ "certificate is invalid", untrusted, true },
	{ "response 407", proxy, false },
	{ "error: 407", proxy, false },
	{ "returned error: 30", redirect, false },
	{ "fatal alert", refused, true },
	{ "alert certificate", refused, true },
	{ "alert bad certificate", refused, true },
	{ "alert unknown ca", refused, true },
	{ "getpeername", refused, true },
	{ "non-properly terminated", refused, true },
	{ "onnection reset", refused, true },
	{ "roken pipe", refused, true },
	{ "unexpected eof", refused, true },
};

const char *git_text_hint(const char *text, const char *url)
{
	bool tls = str_starts(url, "https:");
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (strstr(text, hints[i].text) && tls >= hints[i].tls)
			return hints[i].hint;
	return "";
}

static const struct text_row *by_class(int klass)
{
	static const struct text_row rows[] = {
		[GIT_ERROR_NET] = { "net", SOURCES_NETWORK },
		[GIT_ERROR_SSL] = { "tls", SOURCES_NETWORK },
		[GIT_ERROR_HTTP] = { "http", SOURCES_PROTOCOL },
		[GIT_ERROR_ZLIB] = { "zlib", SOURCES_CORRUPT },
		[GIT_ERROR_ODB] = { "odb", SOURCES_CORRUPT },
		[GIT_ERROR_OBJECT] = { "object", SOURCES_CORRUPT },
		[GIT_ERROR_TREE] = { "tree", SOURCES_CORRUPT },
		[GIT_ERROR_INDEXER] = { "pack", SOURCES_CORRUPT },
		[GIT_ERROR_SHA] = { "sha", SOURCES_CORRUPT },
		[GIT_ERROR_REFERENCE] = { "reference", SOURCES_CORRUPT },
		[GIT_ERROR_REPOSITORY] = { "repository", SOURCES_CORRUPT },
		[GIT_ERROR_CONFIG] = { "config", SOURCES_CORRUPT },
	};
	bool known = klass >= 0 && (size_t)klass < sizeof rows / sizeof *rows && rows[klass].text;
	return known ? &rows[klass] : NULL;
}

/* A path that may not be written has no code of its own. */
static bool hostile(const git_error *last)
{
	return last && last->message &&
	       (strstr(last->message, "invalid path") ||
		strstr(last->message, "cannot checkout to invalid"));
}

enum sources_fault git_lib_error(int r, struct err *e, const char *what)
{
	const git_error *last = git_error_last();
	const char *text = last && last->message ? last->message : "no reason given";
	const struct text_row *row = by_class(last ? last->klass : -1);
	enum sources_fault f = git_text_fault(text);
	if (r == GIT_EAUTH)
		f = SOURCES_AUTH;
	else if (r == GIT_ECERTIFICATE)
		f = SOURCES_NETWORK;
	else if (hostile(last))
		f = SOURCES_HOSTILE;
	else if (f == SOURCES_INTERNAL && row)
		f = row->fault;
	else if (f == SOURCES_INTERNAL && r == GIT_ENOTFOUND)
		f = SOURCES_CORRUPT;
	err_set(e, EIO, "%s: %s%s", what, text, git_text_hint(text, what));
	git_error_clear();
	return f;
}
