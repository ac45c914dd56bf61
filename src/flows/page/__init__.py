"""A model as one HTML page that needs no server: its kernel as JavaScript, and what stands around it.

`kernel` writes the model's code; `data` gathers what the page knows: `block` collects series and words, `series` what
is drawn, `sliders` what is moved, `diagram` how the model looks, `words` the texts. `build` puts both into the page.
The scripts beside them are the page's own: `page.js` starts it, `worker.js` makes the runs.
"""
