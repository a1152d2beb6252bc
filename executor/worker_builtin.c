/* The actions that are built in. */
#include "executor/worker_action.h"

const struct action_builtin action_builtins[] = {
	{ "actions/checkout", worker_checkout, NULL },
	{ NULL, NULL, NULL },
};
