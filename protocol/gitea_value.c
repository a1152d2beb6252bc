#include "protocol/gitea_value.h"

#include "base/str.h"

/* Beyond it doubles skip whole numbers. */
static const double exact_max = 9007199254740992.0;

uint64_t gitea_int64(const json_t *v)
{
	uint64_t n = 0;
	if (json_is_string(v))
		return str_u64(json_string_value(v), INT64_MAX, &n) ? n : 0;
	double d = json_real_value(v);
	if (json_is_real(v))
		return d > 0 && d < exact_max ? (uint64_t)d : 0;
	return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
}
