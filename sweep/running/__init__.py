"""A plan in, stored readings out: joins the other rooms."""
