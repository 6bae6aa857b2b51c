"""Pages made of the declarations: a list, a detail page and a form for each verb of each object."""
