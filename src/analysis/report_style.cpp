// The look of the HTML report: a cutting room's dark neutral, one warm accent, nothing that competes with the
// pictures.
#include "analysis/report_parts.h"

namespace studio::report {

const std::string_view kStyle = R"css(
:root{--bg:#15171b;--panel:#1d2026;--line:#2c3038;--ink:#e9e7e1;--soft:#a3a8b1;--faint:#6d737e;--accent:#f0b23e;--good:#6fbf8b;--bad:#e0685c;--blue:#6fa8dc}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1280px;margin:0 auto;padding:36px 32px 60px}
header{display:flex;justify-content:space-between;align-items:flex-start;gap:32px;margin-bottom:26px}
h1{font-size:27px;font-weight:600;margin:0 0 8px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:13px;font-weight:600;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);margin:38px 0 12px}
.facts{display:flex;flex-wrap:wrap;gap:6px 8px}
.facts span{background:var(--panel);border:1px solid var(--line);border-radius:999px;padding:1px 11px;font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums}
.rings{display:flex;gap:18px;flex:none}
.ring{width:84px;text-align:center;font-size:12px;color:var(--soft)}
.ring svg{display:block;margin:0 auto 2px}
.ring text{fill:var(--ink);font-size:23px;font-weight:600;text-anchor:middle;font-variant-numeric:tabular-nums}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:16px 18px}
.timeline{padding:14px 16px 8px}
.timeline svg{display:block;width:100%;height:auto}
.timeline text{font-size:11px;fill:var(--soft);font-variant-numeric:tabular-nums}
.timeline .row{fill:var(--faint);text-anchor:end}
.timeline a text{fill:#15171b}
.note{color:var(--accent);border-left:3px solid var(--accent);padding:6px 12px;background:rgba(240,178,62,.08);border-radius:0 6px 6px 0;margin:0 0 14px;overflow-wrap:anywhere}
.three{display:grid;grid-template-columns:repeat(3,1fr);gap:14px}
.three h3{margin:0 0 10px;font-size:14px;font-weight:600}
.three ul{list-style:none;margin:0;padding:0}
.three li{padding:9px 0 9px 14px;border-top:1px solid var(--line);position:relative}
.three li:first-child{border-top:0;padding-top:0}
.three li:first-child:before{top:8px}
.three li:before{content:"";position:absolute;left:0;top:17px;width:6px;height:6px;border-radius:50%;background:var(--mark)}
.three .strength{--mark:var(--good)}.three .weakness{--mark:var(--bad)}.three .recommendation{--mark:var(--accent)}
.three .strength h3{color:var(--good)}.three .weakness h3{color:var(--bad)}.three .recommendation h3{color:var(--accent)}
.evidence{display:block;color:var(--faint);font-size:12.5px;line-height:1.4;margin-top:2px;overflow-wrap:anywhere}
.empty{color:var(--faint)}
.issue{display:grid;grid-template-columns:128px 118px 92px 1fr;gap:18px;align-items:center;padding:11px 0;border-top:1px solid var(--line)}
.issue:first-child{border-top:0}
.issue:target,.shot:target{outline:2px solid var(--accent);outline-offset:4px;border-radius:6px}
.issue svg{width:128px;height:auto;border-radius:4px;display:block}
.issue .kind{font-weight:600}
.issue .frames{color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums}
.issue .frames a{color:inherit}
.meter{height:6px;border-radius:3px;background:var(--line);overflow:hidden}
.meter i{display:block;height:100%;border-radius:3px;background:var(--accent)}
.small{font-size:12px;color:var(--faint)}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:16px}
.shot{background:var(--panel);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.shot>svg{display:block;width:100%;height:auto;background:#000}
.shot .body{padding:12px 16px 15px}
.shot .top{display:flex;justify-content:space-between;align-items:baseline;gap:10px;margin-bottom:2px}
.shot .id{font-weight:600;font-size:16px}
.shot .time{color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums}
.shot .camera{color:var(--soft);font-size:13.5px;margin-bottom:9px;min-height:20px}
.bars{display:grid;grid-template-columns:86px 1fr 34px;gap:3px 10px;align-items:center;font-size:12.5px;color:var(--soft);font-variant-numeric:tabular-nums}
.bars b{font-weight:500;color:var(--ink);text-align:right}
.swatches{display:flex;height:16px;border-radius:4px;overflow:hidden;margin-top:12px}
.depth{display:flex;justify-content:space-between;font-size:12px;color:var(--faint);margin-top:7px}
table{width:100%;border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--faint);text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th.l,td.l{text-align:left}
td a{color:var(--ink);text-decoration:none;border-bottom:1px dotted var(--faint)}
.numbers{display:flex;flex-wrap:wrap;gap:14px 42px}
.numbers div{font-size:13px;color:var(--soft)}
.numbers b{display:block;font-size:21px;font-weight:600;color:var(--ink);font-variant-numeric:tabular-nums}
footer{margin-top:44px;color:var(--faint);font-size:12.5px;overflow-wrap:anywhere}
@media(max-width:900px){header{flex-direction:column}.three{grid-template-columns:1fr}.issue{grid-template-columns:96px 1fr}.issue svg{width:96px}main{padding:22px 16px}}
@media print{:root{--bg:#fff;--panel:#fff;--line:#ccc;--ink:#111;--soft:#444;--faint:#777}.shot,.panel{break-inside:avoid}}
)css";

}  // namespace studio::report
