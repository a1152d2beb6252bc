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

static uint64_t repository_of(const json_t *request, const char *end)
{
	const json_t *repository = json_object_get(json_object_get(request, end), "repo");
	return gitea_int64(json_object_get(repository, "id"));
}

/* A head that is gone has no repository. */
bool gitea_is_from_fork(const json_t *context)
{
	const json_t *event = json_object_get(context, "event");
	const json_t *request = json_object_get(event, "pull_request");
	uint64_t head = repository_of(request, "head");
	if (!request || json_is_null(request))
		return false;
	return !head || head != repository_of(request, "base");
}
