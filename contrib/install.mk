# What is installed, as source:place. With PREFIX=/usr units and manuals are where Debian has them.
PREFIX ?= /usr/local
UNITS := $(patsubst contrib/%,$(BUILD)/%,$(wildcard contrib/systemd/*/*)) # written anew: PREFIX is in them
INSTALLED := $(BUILD)/courser:bin/courser \
	$(foreach b,$(filter-out %/courser,$(BINARIES)),$(b):libexec/courser/$(notdir $(b))) \
	$(foreach m,$(wildcard contrib/man/*),$(m):share/man/man$(lastword $(subst ., ,$(m)))/$(notdir $(m))) \
	contrib/completion/courser.bash:share/bash-completion/completions/courser \
	contrib/completion/courser.zsh:share/zsh/site-functions/_courser \
	contrib/completion/courser.fish:share/fish/vendor_completions.d/courser.fish \
	$(foreach u,$(UNITS),$(u):lib/$(u:$(BUILD)/%=%))
each = for pair in $(INSTALLED); do from=$${pair%:*} to=$(DESTDIR)$(PREFIX)/$${pair\#\#*:}; $(1) || exit; done

$(UNITS): $(BUILD)/systemd/%: contrib/systemd/%
	@mkdir -p $(@D)
	@sed 's,@bindir@,$(PREFIX)/bin,' $< >$@

install: all $(UNITS) ## install below PREFIX (/usr/local); DESTDIR=dir for packages
	@$(call each,mode=644; [ ! -x $$from ] || mode=755; install -Dm$$mode $$from $$to)

uninstall: ## take away what install put there
	@$(call each,rm -f $$to)
	@[ ! -d $(DESTDIR)$(PREFIX)/libexec/courser ] || rmdir $(DESTDIR)$(PREFIX)/libexec/courser

.PHONY: $(UNITS)
