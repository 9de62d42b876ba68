"""The style of the documentation page: one sheet, in the page itself, readable in light and dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --line: #dfe4ea; --paper: #fff; --panel: #f5f7f9;
  --link: #0b5cad; --get: #1a6fb5; --post: #2b7d46; --put: #95590a; --delete: #b3312c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --soft: #9aa7b5; --line: #303a46; --paper: #14191f;
  --panel: #1b222b; --link: #76b5f2; --get: #6cb2ee; --post: #68c287; --put: #e0a650; --delete: #f0817b; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 1fr); color: var(--ink);
  background: var(--paper); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1.25rem; background: var(--panel);
  border-right: 1px solid var(--line); font-size: 13px; }
nav .brand { display: block; font-size: 1.25rem; font-weight: 650; color: var(--ink); }
nav h2 { margin: 1.4rem 0 .3rem; font-size: 11px; font-weight: 650; letter-spacing: .06em; text-transform: uppercase;
  color: var(--soft); }
nav ul { margin: 0; padding: 0; list-style: none; }
nav li a { display: block; padding: .14rem 0; color: var(--ink); overflow-wrap: anywhere; }
nav li a:hover { color: var(--link); }
.dot { display: inline-block; width: .5rem; height: .5rem; margin-right: .5rem; border-radius: 50%; }
.dot.get { background: var(--get); } .dot.post { background: var(--post); }
.dot.put { background: var(--put); } .dot.delete { background: var(--delete); }
main { padding: 2.5rem 3rem 6rem; max-width: 66rem; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; line-height: 1.25; }
h2 { font-size: 1.15rem; } h2.group { margin: 3.5rem 0 0; font-size: 1.5rem; text-transform: capitalize; }
h3 { margin: 0; font-size: 1.12rem; }
h4 { margin: 1.2rem 0 .4rem; font-size: .82rem; letter-spacing: .03em; color: var(--soft); }
h4 small { font-weight: 400; font-size: inherit; }
small { color: var(--soft); font-size: .82em; }
article { margin-top: 1.75rem; padding-top: 1.75rem; border-top: 1px solid var(--line); }
article p { margin: .45rem 0; }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.route { padding: .5rem .75rem; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); }
.route code { overflow-wrap: anywhere; } .route var { font-style: normal; color: var(--soft); }
.method { display: inline-block; min-width: 3.6rem; font-size: .8rem; letter-spacing: .04em; }
.method.get { color: var(--get); } .method.post { color: var(--post); }
.method.put { color: var(--put); } .method.delete { color: var(--delete); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .93em; }
th { padding: .3rem .9rem .3rem 0; text-align: left; font-size: .82em; font-weight: 600; color: var(--soft); }
td { padding: .4rem .9rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:nth-child(1) { white-space: nowrap; } td:nth-child(2) { min-width: 11rem; max-width: 22rem; }
.required { color: var(--delete); } .or { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; } dd { margin: 0; }
.answers { margin: 0; padding: 0; list-style: none; }
.status { display: inline-block; min-width: 2.6rem; color: var(--post); }
.status.error { color: var(--delete); font-weight: 500; }
em { color: var(--soft); font-style: normal; font-size: .85em; }
:target { scroll-margin-top: 1rem; } article:target h3 { color: var(--link); }
@media (max-width: 60rem) { body { display: block; } nav { position: static; height: auto; max-height: 45vh; }
  main { padding: 1.5rem 1.25rem 4rem; } td:nth-child(2) { min-width: 8rem; } }
@media print { nav { display: none; } body { display: block; } }
"""
