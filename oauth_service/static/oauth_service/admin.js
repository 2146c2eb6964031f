"use strict";

// Pages of this app in Django's admin work without this script. It makes them easier to use.

// Lists become cards on a phone, where no heading is above a cell: each cell says what it is.
function labelCells(table) {
    const headings = table.tHead ? Array.from(table.tHead.rows[0].cells) : [];
    const labels = headings.flatMap((cell) => {
        const words = (cell.querySelector(".text") || cell).textContent.trim();
        return Array(cell.colSpan).fill(cell.classList.contains("action-checkbox-column") ? "" : words);
    });
    for (const body of table.tBodies) {
        for (const row of body.rows) {
            Array.from(row.cells).forEach((cell, position) => {
                if (labels[position] && !cell.classList.contains("original")) {
                    cell.dataset.label = labels[position];
                }
            });
        }
    }
    // Browsers take a table that is laid out as blocks for none.
    table.setAttribute("role", "table");
    for (const row of table.rows) {
        row.setAttribute("role", "row");
        for (const cell of row.cells) {
            const isHeading = cell.tagName === "TH";
            cell.setAttribute("role", !isHeading ? "cell" : row.parentElement === table.tHead ? "columnheader" : "rowheader");
        }
    }
}

// Buttons that copy a text are hidden until they can do so.
function copies(button) {
    const shown = document.getElementById(button.dataset.copies);
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(shown.value);
        } catch {
            // Without https there is no clipboard: select the text, and ask the browser in the old way.
            shown.select();
            if (!document.execCommand("copy")) {
                return;
            }
        }
        button.nextElementSibling.textContent = button.dataset.done;
    });
    button.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".app-oauth_service #result_list, .app-oauth_service .inline-group table").forEach(labelCells);
    document.querySelectorAll("button[data-copies]").forEach(copies);
});
