/* What a server answers: an envelope is taken or refused with words; a value that is shown is sound. */
#include "protocol/vault_json.h"
#include "protocol/vault_reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int leaf(void *arg, const char *p, size_t n)
{
	(void)arg;
	if (n == 0 || p[n] != '\0')
		abort();
	return 0;
}

static void look(const struct vault_reply *r)
{
	static const char *const fields[] = { "password", "a", "value", "" };
	for (unsigned engine = 0; engine < VAULT_ENGINES; engine++)
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
			struct err e = { 0 };
			autosecret value = { 0 };
			if (vault_reply_field(r, (enum vault_engine)engine, fields[i], &value, &e) <
				    0 &&
			    e.msg[0] == '\0')
				abort();
			if (vault_reply_leaves(r, (enum vault_engine)engine, fields[i], leaf,
					       NULL) < 0)
				abort();
		}
	if (strpbrk(vault_reply_token(r), " \r\n") || strpbrk(vault_reply_lease(r), " \r\n"))
		abort();
	for (size_t i = 0; vault_reply_warning(r, i); i++)
		if (i > VAULT_REPLY_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	const char *text = (const char *)data;
	vault_json_guard();
	struct vault_reply *r = vault_reply_parse(text, n, &e);
	if (!r && e.msg[0] == '\0')
		abort();
	if (r)
		look(r);
	vault_reply_free(r);
	if (vault_reply_error(n ? 100 + data[0] * 2 : 500, text, n, &e) != -1 || e.code == 0 ||
	    strpbrk(e.msg, "\r\n"))
		abort();
	return 0;
}
