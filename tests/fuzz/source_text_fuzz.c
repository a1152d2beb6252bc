/* Refspecs, addresses of submodules and clean flags of any bytes: what is accepted keeps the promises
 * that the code behind relies on. */
#include "executor/clean_flags.h"
#include "executor/refspec.h"
#include "executor/remote_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void one_refspec(const char *text)
{
	struct err e = { 0 };
	struct refspec s;
	char out[REF_NAME_MAX * 2];
	if (refspec_parse(&s, text, &e) < 0)
		return;
	if (strstr(text, "..") || strchr(text, '\n') || strchr(text, ' '))
		abort();
	if (refspec_matches(&s, "refs/heads/main") &&
	    (!refspec_local(&s, "refs/heads/main", out, sizeof out) ||
	     !ref_name_ok(out, strlen(out))))
		abort();
}

static void one_url(const char *text)
{
	struct err e = { 0 };
	static const char base[] = "https://gitlab.example.com/group/project.git";
	for (int https = 0; https < 2; https++) {
		autobuf out = BUF(REMOTE_URL_MAX * 2);
		if (remote_url_resolve(base, text, https, &out, &e) < 0)
			continue;
		if (remote_url_check(buf_cstr(&out), &e) < 0 || strpbrk(buf_cstr(&out), " \n\"'\\"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(1 << 20);
	struct err e = { 0 };
	struct clean_flags f;
	char *text = arena_strndup(&a, n ? (const char *)data : "", n < 4096 ? n : 4096, &e);
	if (text) {
		one_refspec(text);
		one_url(text);
		if (clean_flags_parse(text, &a, &f, &e) == 0)
			(void)clean_flags_keep(&f, "a/b.o", false);
	}
	arena_done(&a);
	return 0;
}
