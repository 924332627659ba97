#include "base/curl_dl.h"
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/err.h"

static const char library[] = "libcurl.so.4";

#define SYMBOL(name)                                                                                         \
	{                                                                                                    \
		"curl_" #name, offsetof(struct curl_api, name)                                               \
	}
static const struct {
	const char *name;
	size_t offset;
} symbols[] = {
	SYMBOL(global_init),      SYMBOL(global_cleanup),
	SYMBOL(easy_init),        SYMBOL(easy_cleanup),
	SYMBOL(easy_setopt),      SYMBOL(easy_getinfo),
	SYMBOL(easy_strerror),    SYMBOL(slist_append),
	SYMBOL(slist_free_all),   SYMBOL(url),
	SYMBOL(url_cleanup),      SYMBOL(url_set),
	SYMBOL(url_get),          SYMBOL(free),
	SYMBOL(multi_init),       SYMBOL(multi_cleanup),
	SYMBOL(multi_add_handle), SYMBOL(multi_remove_handle),
	SYMBOL(multi_perform),    SYMBOL(multi_poll),
	SYMBOL(multi_info_read),  SYMBOL(multi_strerror),
};

int curl_dl_open(struct curl_api *ret, struct err *e)
{
	/* NODELETE: TLS libraries below it register exit handlers. */
	struct curl_api api = { .handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };

	if (!api.handle) {
		const char *why = dlerror();

		return err_text(e, ENOENT, "fetching needs %s, which cannot be loaded (%s); install libcurl4",
				library, why ? why : "no reason given");
	}
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *p = dlsym(api.handle, symbols[i].name);

		if (!p) {
			dlclose(api.handle);
			return err_text(e, ENOSYS, "%s is too old: it has no %s", library, symbols[i].name);
		}
		memcpy((char *)&api + symbols[i].offset, &p, sizeof p);
	}
	if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		dlclose(api.handle);
		return err_text(e, EIO, "%s could not be initialised", library);
	}
	/* With CURLOPT_NOSIGNAL the TLS library may write to a closed connection unprotected. */
	(void)signal(SIGPIPE, SIG_IGN);
	*ret = api;
	return 0;
}

void curl_dl_close(struct curl_api *api)
{
	if (!api->handle)
		return;
	api->global_cleanup();
	dlclose(api->handle);
	*api = (struct curl_api){ .handle = NULL };
}
