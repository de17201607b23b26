# SPDX-License-Identifier: GPL-2.0-or-later
dist_doc_DATA = README.md NEWS
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	contrib/examples/client.conf \
	contrib/examples/server.conf

# The installed directories are known to make only.
substitute = sed \
	-e '/@hardening@/{r $(srcdir)/contrib/systemd/hardening.inc' -e 'd;}' \
	-e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g'

generated_contrib = contrib/init.d/mpvpnd
nodist_initd_SCRIPTS = contrib/init.d/mpvpnd
contrib/init.d/mpvpnd: contrib/init.d/mpvpnd.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

if SYSTEMD
nodist_systemdsystemunit_DATA = contrib/systemd/mpvpn-server.service contrib/systemd/mpvpn-client@.service
generated_contrib += $(nodist_systemdsystemunit_DATA)
contrib/systemd/mpvpn-server.service: contrib/systemd/mpvpn-server.service.in contrib/systemd/hardening.inc Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
contrib/systemd/mpvpn-client@.service: contrib/systemd/mpvpn-client@.service.in contrib/systemd/hardening.inc Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

nodist_sysusers_DATA = contrib/systemd/sysusers.d/mpvpn.conf
nodist_tmpfiles_DATA = contrib/systemd/tmpfiles.d/mpvpn.conf
generated_contrib += $(nodist_sysusers_DATA) $(nodist_tmpfiles_DATA)
contrib/systemd/sysusers.d/mpvpn.conf: contrib/systemd/mpvpn.sysusers
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $(srcdir)/contrib/systemd/mpvpn.sysusers $@
contrib/systemd/tmpfiles.d/mpvpn.conf: contrib/systemd/mpvpn.tmpfiles
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $(srcdir)/contrib/systemd/mpvpn.tmpfiles $@
endif
CLEANFILES += $(generated_contrib)
EXTRA_DIST += \
	contrib/demo.sh \
	contrib/init.d/mpvpnd.in \
	contrib/setup.sh \
	contrib/systemd/hardening.inc \
	contrib/systemd/mpvpn-client@.service.in \
	contrib/systemd/mpvpn-server.service.in \
	contrib/systemd/mpvpn.sysusers \
	contrib/systemd/mpvpn.tmpfiles \
	contrib/test.sh
