#include "runner/meta.h"

#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int meta_write(const struct meta *m, struct buf *out, struct err *e)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "kind", m->kind },         { "registration", m->registration },
		{ "token", m->token },       { "reasons", m->reasons },
		{ "project", m->project },   { "url", m->url },
		{ "ca_file", m->ca_file },   { "cert_file", m->cert_file },
		{ "key_file", m->key_file }, { "proxy", m->proxy },
		{ "no_proxy", m->no_proxy }, { "forge", m->forge },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].value && texts[i].value[0] &&
		    (buf_printf(out, e, "%s=", texts[i].key) < 0 ||
		     str_quote(out, texts[i].value, strlen(texts[i].value), e) < 0 ||
		     buf_char(out, '\n', e) < 0))
			return -1;
	return buf_printf(out, e,
			  "job_id=%" PRIu64 "\nproject_id=%" PRIu64 "\ndebug_trace=%" PRIu64
			  "\nslot=%" PRIu64 "\n",
			  m->job_id, m->project_id, m->debug_trace, m->slot);
}

static void take(struct meta *m, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **text;
		uint64_t *number;
	} rows[] = {
		{ "kind", &m->kind, NULL },
		{ "registration", &m->registration, NULL },
		{ "forge", &m->forge, NULL },
		{ "token", &m->token, NULL },
		{ "reasons", &m->reasons, NULL },
		{ "project", &m->project, NULL },
		{ "url", &m->url, NULL },
		{ "ca_file", &m->ca_file, NULL },
		{ "cert_file", &m->cert_file, NULL },
		{ "key_file", &m->key_file, NULL },
		{ "proxy", &m->proxy, NULL },
		{ "no_proxy", &m->no_proxy, NULL },
		{ "job_id", NULL, &m->job_id },
		{ "project_id", NULL, &m->project_id },
		{ "debug_trace", NULL, &m->debug_trace },
		{ "slot", NULL, &m->slot },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].key, key) != 0)
			continue;
		if (rows[i].text)
			*rows[i].text = value;
		else if (!str_u64(value, UINT64_MAX, rows[i].number))
			*rows[i].number = 0;
	}
}

int meta_read(const char *text, struct arena *a, struct meta *ret, struct err *e)
{
	*ret = (struct meta){
		.kind = "",
		.registration = "",
		.forge = "",
		.token = "",
		.reasons = "",
		.project = "",
		.url = "",
	};
	while (*text) {
		struct buf value = BUF(64 << 10);
		size_t n = strcspn(text, "=\n");
		char *key = arena_strndup(a, text, n, e);
		text += n + (text[n] == '=');
		bool ok = key && str_unquote(&text, &value) && *text == '\n';
		char *copy = ok ? arena_strndup(a, buf_cstr(&value), value.len, e) : NULL;
		buf_wipe(&value);
		if (!copy)
			return e->code ? -1 : err_set(e, EBADMSG, "meta: malformed");
		text++;
		take(ret, key, copy);
	}
	return 0;
}
