//! The sheet as a page for a browser. In print, each page of the sheet fills one page of paper at its true size.

use std::fmt::Write;

use crate::sheet::page::Page;
use crate::sheet::svg::{self, escape, mm};

/// Returns the whole file. It needs no other file and no network.
pub(super) fn document(pages: &[Page], title: &str) -> String {
    let (width, height) = pages.first().map_or((0, 0), |page| (page.width, page.height));
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>\n\
         @page {{ size: {}mm {}mm; margin: 0 }}\n\
         html, body {{ margin: 0; -webkit-print-color-adjust: exact; print-color-adjust: exact }}\n\
         svg {{ display: block; break-after: page; break-inside: avoid }}\n\
         svg:last-child {{ break-after: auto }}\n\
         @media screen {{ body {{ background: #ccc }} svg {{ margin: 5mm auto }} }}\n\
         </style>\n</head>\n<body>\n",
        escape(title),
        mm(width),
        mm(height)
    );
    for page in pages {
        let _written = write!(html, "{}", svg::page(page));
    }
    html + "</body>\n</html>\n"
}
