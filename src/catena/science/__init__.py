"""The shelves of science: each holds Models of one scale and never imports another shelf."""
