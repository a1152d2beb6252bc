#include "protocol/strings.h"

#include "protocol/json.h"

#include <errno.h>

enum { BYTES_MAX = 16 << 20 };

int json_strings_parse(const char *text, size_t n,
		       int (*each)(void *arg, const char *s, size_t len, struct err *e), void *arg,
		       struct err *e)
{
	json_auto_t *all = json_read(text, n, BYTES_MAX, e);
	if (!all)
		return -1;
	if (!json_is_array(all))
		return err_set(e, EINVAL, "not an array of strings");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		if (!json_is_string(one))
			return err_set(e, EINVAL, "[%zu]: not a string", i);
		if (each(arg, json_string_value(one), json_string_length(one), e) < 0)
			return err_wrap(e, "[%zu]", i);
	}
	return 0;
}
