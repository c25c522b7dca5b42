# The documents' links, from where they stand in the source to where the packages put what they name.
s#\]\(doc/#](#g
s#\]\((\.\./)?bench/#](#g
s#\]\(models/#](/usr/share/grus/models/#g
s#\]\((\.\./)?share/grus/examples/#](/usr/share/grus/examples/#g
s#\]\(python/README\.md#](/usr/share/doc/python3-grus/README.md#g
s#\]\(LICENSE\)#](/usr/share/doc/grus-doc/copyright)#g
s#\]\(grus-run\.1\)#](/usr/share/man/man1/grus-run.1.gz)#g
s#\]\(tools/#](examples/tools/#g
# The source itself is not installed.
s#\[([^]]*)\]\((\.\./)?(api|base|cli|engine|io|scheduler|tests|CONTRIBUTING\.md|SECURITY\.md)[^)]*\)#\1#g
