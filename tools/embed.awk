# SPDX-License-Identifier: Apache-2.0
# Turns text files into C: one `static const char page_<name>[]` per file, for any POSIX awk.
#
# usage: LC_ALL=C awk -f embed.awk FILE… >pages.inc
#
# The name is the file's, without its folder: bind.html is page_bind_html. Every line of a file
# becomes one string literal; bytes that are not printable ASCII become three-digit octal escapes,
# and `?` becomes `\?` so that no trigraph can arise.

function name_of(path,    parts, count, name)
{
    count = split(path, parts, "/")
    name = parts[count]
    gsub(/[^A-Za-z0-9]/, "_", name)
    return "page_" name
}

function escaped(line,    out, i, c)
{
    if (line !~ special)
        return line
    out = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        out = out ((c in escape) ? escape[c] : c)
    }
    return out
}

function finish()
{
    if (open)
        print "    \"\";"
    open = 0
}

BEGIN {
    for (i = 1; i < 256; i++)
        if (i < 32 || i > 126)
            escape[sprintf("%c", i)] = sprintf("\\%03o", i)
    escape["\\"] = "\\\\"
    escape["\""] = "\\\""
    escape["?"] = "\\?"
    special = "[^ !#->@-\\[\\]-~]"
    print "/* SPDX-License-Identifier: Apache-2.0 */"
    print "/* The pages, made from conf/pages by tools/embed.awk: change them there. */"
}

FNR == 1 {
    finish()
    print "\nstatic const char " name_of(FILENAME) "[] ="
    open = 1
}

{ print "    \"" escaped($0) "\\n\"" }

END { finish() }
