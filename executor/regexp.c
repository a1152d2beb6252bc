#include "executor/regexp.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdlib.h>

struct regexp {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static int compile(struct regexp *r, const char *text, size_t n, struct err *e)
{
	enum {
		OPTIONS = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_ALT_BSUX |
			  PCRE2_NEVER_BACKSLASH_C
	};
	int code = 0;
	PCRE2_SIZE at = 0;
	if (n > REGEXP_MAX)
		return err_set(e, E2BIG, "it has more than %d bytes", REGEXP_MAX);
	r->code = pcre2_compile((PCRE2_SPTR)text, n, OPTIONS, &code, &at, NULL);
	if (r->code)
		return 0;
	PCRE2_UCHAR why[160] = "";
	pcre2_get_error_message(code, why, sizeof why);
	return err_set(e, EINVAL, "at character %zu: %s", at + 1, (const char *)why);
}

struct regexp *regexp_new(const char *text, size_t n, struct err *e)
{
	struct regexp *r = calloc(1, sizeof *r);
	if (!r) {
		err_set(e, ENOMEM, "out of memory for a regular expression");
		return NULL;
	}
	if (compile(r, text, n, e) < 0) {
		regexp_free(r);
		return NULL;
	}
	r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->data || !r->limits) {
		regexp_free(r);
		err_set(e, ENOMEM, "out of memory for a regular expression");
		return NULL;
	}
	pcre2_set_match_limit(r->limits, REGEXP_STEPS);
	pcre2_set_depth_limit(r->limits, REGEXP_STEPS);
	pcre2_set_heap_limit(r->limits, REGEXP_HEAP_KIB);
	return r;
}

void regexp_free(struct regexp *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

unsigned regexp_groups(const struct regexp *r)
{
	uint32_t groups = 0;
	pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	return groups;
}

int regexp_match(struct regexp *r, const char *s, size_t n, struct err *e)
{
	int found = pcre2_match(r->code, (PCRE2_SPTR)s, n, 0, 0, r->data, r->limits);
	if (found >= 0)
		return 1;
	if (found == PCRE2_ERROR_NOMATCH)
		return 0;
	PCRE2_UCHAR why[160] = "";
	pcre2_get_error_message(found, why, sizeof why);
	return err_set(e, E2BIG, "%s", (const char *)why);
}

bool regexp_group(const struct regexp *r, unsigned group, size_t *ret_from, size_t *ret_to)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->data);
	if (group >= pcre2_get_ovector_count(r->data) || at[2 * group] == PCRE2_UNSET ||
	    at[2 * group] > at[2 * group + 1])
		return false;
	*ret_from = at[2 * group];
	*ret_to = at[2 * group + 1];
	return true;
}
